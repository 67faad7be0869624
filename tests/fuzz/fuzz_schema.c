/* The argument of a command, JSON or bare text, as a client may send it. */
#include "base/memory.h"
#include "base/utf8.h"
#include "command/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct parameter members[] = {{.name = "from", .type = PARAMETER_TEXT, .min = 1, .max = 20},
                                           {.name = NULL}};
static const struct parameter parameters[] = {
    {.name = "query", .type = PARAMETER_TEXT, .max = 100},
    {.name = "limit", .type = PARAMETER_INTEGER, .min = 1, .max = 100},
    {.name = "sort", .type = PARAMETER_WORD, .words = "relevance|newest"},
    {.name = "ids", .type = PARAMETER_TEXT_LIST, .max = 3},
    {.name = "published", .type = PARAMETER_OBJECT, .members = members},
    {.name = "deadline_ms", .type = PARAMETER_INTEGER},
    {.name = NULL},
};
static const struct command command = {.name = "SEARCH", .main_parameter = "query", .parameters = parameters};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct command_limits limits = {.json_depth = 8, .json_nodes = 100, .deadline_max_ms = 1000};
    struct error error = ERROR_INIT;
    if (!utf8_is_text((const char *)data, size)) /* framing lets nothing else through */
        return 0;
    struct request *request = memory_zeroed(1, sizeof *request);
    request->command = &command;
    if (command_parse_arguments(request, (const char *)data, size, &limits, &error) < 0)
        request_fail(request, &error);
    request_free(request);
    return 0;
}
