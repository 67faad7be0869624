/* help.c - the help, made from the tables. */
#include "ctl/storyctl.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"

#include <unistd.h>

#define NAME_COLUMN 24

static void show_row(struct page *page, const char *name, const char *argument, const char *text)
{
    struct buffer cell = BUFFER_INIT;
    buffer_printf(&cell, "  %s%s%s", name, argument != NULL && *argument != '\0' ? " " : "",
                  argument != NULL ? argument : "");
    size_t used = page_cut(page, cell.data, page->width, STYLE_PLAIN);
    if (used > NAME_COLUMN - 2) {
        buffer_append_char(page->out, '\n');
        used = 0;
    }
    page_wrap(page, text, used, NAME_COLUMN, 0, STYLE_PLAIN);
    buffer_release(&cell);
}

static void show_options(struct page *page, const char *heading, const struct verb_option *options)
{
    if (options == NULL)
        return;
    buffer_printf(page->out, "\n%s\n", heading);
    for (; options->name != NULL; options++) {
        struct buffer name = BUFFER_INIT;
        buffer_printf(&name, "--%s", options->name);
        show_row(page, name.data, options->argument, options->help);
        buffer_release(&name);
    }
}

static void show_verb(struct page *page, const struct verb *verb)
{
    struct buffer usage = BUFFER_INIT;
    buffer_printf(&usage, "storyctl %s %s%s%s", verb->name, verb->options != NULL ? "[OPTION]..." : "",
                  verb->options != NULL && *verb->arguments != '\0' ? " " : "", verb->arguments);
    page_wrap(page, usage.data, 0, 0, 0, STYLE_TITLE);
    page_wrap(page, verb->summary, 0, 0, 0, STYLE_PLAIN);
    if (*verb->details != '\0') {
        buffer_append_char(page->out, '\n');
        page_wrap(page, verb->details, 0, 0, 0, STYLE_PLAIN);
    }
    show_options(page, "Options", verb->options);
    buffer_append_string(page->out, "\nOptions of every verb and exit codes: storyctl --help\n");
    buffer_release(&usage);
}

static void show_exit_codes(struct page *page)
{
    static const struct {
        const char *code;
        const char *meaning;
    } rows[] = {
        {"  0", "done"},
        {"  1", "the server answered with an error, or would not go on with an import or a reindex"},
        {"  2", "wrong command line, or a local file that cannot be read or written"},
        {"  3", "the server cannot be reached, or the connection was lost"},
        {"  4", "import: some lines were rejected; all others are stored"},
        {"  130", "import: interrupted; import --resume goes on"},
    };
    buffer_append_string(page->out, "\nExit codes\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        page_cell(page, rows[i].code, 7, STYLE_PLAIN);
        page_wrap(page, rows[i].meaning, 7, 7, 0, STYLE_PLAIN);
    }
}

static void show_program(struct page *page)
{
    page_wrap(page, "storyctl [--socket ADDRESS] VERB [ARGUMENT]...", 0, 0, 0, STYLE_TITLE);
    page_wrap(page, "Speaks to storyd, the search daemon for news articles.", 0, 0, 0, STYLE_PLAIN);
    buffer_append_string(page->out, "\nVerbs (storyctl VERB --help says more)\n");
    for (const struct verb *verb = verbs; verb->name != NULL; verb++)
        show_row(page, verb->name, verb->arguments, verb->summary);
    show_options(page, "Options of every verb", general_options);
    show_exit_codes(page);
    buffer_append_string(page->out, "\nExamples\n"
                                    "  storyctl import articles.ndjson.gz\n"
                                    "  storyctl search 'rocket launch' --filter tags=space --sort newest\n"
                                    "  storyctl related a17 --min-strength 20%\n"
                                    "  storyctl --socket tcp:127.0.0.1:7878 stats --json\n");
}

void help_print(FILE *out, const struct verb *verb)
{
    struct buffer text = BUFFER_INIT;
    int fd = fileno(out);
    struct page page = {.out = &text, .width = terminal_width(fd), .styled = terminal_has_styles(fd)};
    if (verb != NULL)
        show_verb(&page, verb);
    else
        show_program(&page);
    fwrite(text.data, 1, text.length, out);
    buffer_release(&text);
}
