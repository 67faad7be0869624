/* The configuration as a file and as JSON. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

static void write_option(const struct config *config, const struct option *option, struct buffer *out)
{
    struct option_value value = config_value(config, option);
    buffer_printf(out, "\n# %s.\n# ", option->help);
    bool is_text = option->type == OPTION_TYPE_TEXT || option->type == OPTION_TYPE_LIST;
    buffer_append_string(out, is_text ? "Value: " : "Accepted: ");
    option_print_accepted(option, out);
    if (option->type == OPTION_TYPE_NUMBER || option->type == OPTION_TYPE_REAL)
        buffer_printf(out, " %s", option->unit);
    buffer_append_string(out,
                         option->reloadable ? ". A reload changes it.\n" : ". A change needs a restart.\n");
    bool is_default = config_is_default(config, option);
    if (!is_default)
        buffer_printf(out, "# Default: %s\n", option->default_text);
    buffer_printf(out, "%s%s =", is_default ? "#" : "", option->name);
    size_t before = out->length;
    buffer_append_char(out, ' ');
    if (is_default) /* as the table has it: "300s" rather than "5m" */
        buffer_append_string(out, option->default_text);
    else
        option_print(option, &value, out);
    if (out->length == before + 1)
        out->length = before;
    buffer_append_char(out, '\n');
}

void config_write_file(const struct config *config, struct buffer *out)
{
    buffer_append_string(out, "# The settings of storyd, each with its default. Remove the \"#\" before a "
                              "setting to change it. Sizes may\n"
                              "# end in K, M, G or T; times end in ms, s, m or h. `storyd --test --config "
                              "FILE` checks a file; SIGHUP has\n"
                              "# storyd read it again. Comments are on lines of their own.\n");
    const char *section = "";
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        if (strcmp(section, option->section) != 0) {
            section = option->section;
            buffer_printf(out, "\n[%s]\n", section);
        }
        write_option(config, option, out);
    }
}

void config_write_help(struct buffer *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        buffer_printf(out, "  --%s=VALUE\n      %s.\n      Accepted: ", option->full_name, option->help);
        option_print_accepted(option, out);
        buffer_printf(out, ". Default: %s\n",
                      option->default_text[0] != '\0' ? option->default_text : "empty");
    }
}

static void write_json_value(const struct option *option, const struct option_value *value,
                             struct json_writer *writer)
{
    switch (option->type) {
    case OPTION_TYPE_TEXT:
    case OPTION_TYPE_CHOICE:
    case OPTION_TYPE_LIST:
        json_text(writer, value->text);
        return;
    case OPTION_TYPE_REAL:
        json_number(writer, value->real, 6);
        return;
    case OPTION_TYPE_BOOL:
        json_bool(writer, value->flag);
        return;
    case OPTION_TYPE_NUMBER:
    case OPTION_TYPE_BYTES:
    case OPTION_TYPE_DURATION:
        break;
    }
    json_int(writer, value->number);
}

void config_write_json(const struct config *config, struct json_writer *writer)
{
    struct buffer text = BUFFER_INIT;
    json_begin_object(writer);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        struct option_value value = config_value(config, option);
        bool is_default = config_is_default(config, option);
        buffer_clear(&text);
        option_print(option, &value, &text);
        json_key(writer, option->full_name);
        json_begin_object(writer);
        json_key(writer, "value");
        write_json_value(option, &value, writer);
        json_key_text(writer, "text", is_default ? option->default_text : text.data);
        json_key_text(writer, "default", option->default_text);
        json_key_bool(writer, "changed", !is_default);
        json_key_bool(writer, "reloadable", option->reloadable);
        json_end_object(writer);
    }
    json_end_object(writer);
    buffer_release(&text);
}
