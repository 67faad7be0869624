/* The rules that concern more than one setting, or a text's content. */
#include "config/config.h"

struct order_rule {
    enum option_number smaller;
    enum option_number larger;
    bool may_be_equal;
};

static const struct order_rule order_rules[] = {
    {OPTION_limits_line_query, OPTION_limits_line_write, true},
    {OPTION_limits_query_text, OPTION_limits_line_query, true},
    {OPTION_limits_output_pause, OPTION_limits_output_close, false},
    {OPTION_limits_output_close, OPTION_limits_output_total, true},
    {OPTION_limits_line_write, OPTION_limits_reply, false},
    {OPTION_limits_connections_admin, OPTION_limits_connections, false},
    {OPTION_limits_result_limit, OPTION_limits_result_window, true},
    {OPTION_limits_deadline, OPTION_limits_deadline_max, true},
};

/* The mistake is where the later layer was; of one layer, where the smaller one is. */
static enum option_number guilty(const struct config *config, const struct order_rule *rule)
{
    return config->layers[rule->larger] > config->layers[rule->smaller] ? rule->larger : rule->smaller;
}

static void check_order(const struct config *config, const struct order_rule *rule, struct mistakes *mistakes)
{
    const struct option *smaller = &option_table[rule->smaller];
    const struct option *larger = &option_table[rule->larger];
    struct option_value low = config_value(config, smaller);
    struct option_value high = config_value(config, larger);
    if (low.number < high.number || (rule->may_be_equal && low.number == high.number))
        return;
    struct buffer text = BUFFER_INIT;
    buffer_printf(&text, "%s (", smaller->full_name);
    option_print(smaller, &low, &text);
    buffer_printf(&text, ") must %s %s (", rule->may_be_equal ? "not be more than" : "be less than",
                  larger->full_name);
    option_print(larger, &high, &text);
    mistakes_add(mistakes, "%s: %s)", config_origin(config, guilty(config, rule)), text.data);
    buffer_release(&text);
}

static void check_not_empty(const struct config *config, enum option_number number, struct mistakes *mistakes)
{
    const char *rest = config_value(config, &option_table[number]).text;
    if (rest[0] == '\0')
        mistakes_add(mistakes, "%s: %s must not be empty; accepted: %s", config_origin(config, number),
                     option_table[number].full_name, option_table[number].unit);
}

int config_validate(const struct config *config, struct mistakes *mistakes)
{
    size_t before = mistakes->count;
    for (size_t i = 0; i < sizeof order_rules / sizeof *order_rules; i++)
        check_order(config, &order_rules[i], mistakes);
    check_not_empty(config, OPTION_server_listen, mistakes);
    check_not_empty(config, OPTION_server_data, mistakes);
    check_not_empty(config, OPTION_index_language, mistakes);
    if (config->related_tags + config->related_entities + config->related_terms <= 0)
        mistakes_add(mistakes, "%s: related.tags, related.entities and related.terms must not all be 0",
                     config_origin(config, OPTION_related_terms));
    return mistakes->count == before ? 0 : -1;
}
