/* commands.c - the table of commands. */
#include "command/handlers.h"

#include <stddef.h>

/* Parameters that every query has. */
#define QUERY_PARAMETERS                                                                                     \
    {.name = "deadline_ms",                                                                                  \
     .type = PARAMETER_INTEGER,                                                                              \
     .min = 1,                                                                                               \
     .max = 600000,                                                                                          \
     .help = "Time the query may take, in milliseconds"},                                                    \
        {.name = "min_revision",                                                                             \
         .type = PARAMETER_INTEGER,                                                                          \
         .min = 0,                                                                                           \
         .max = 4294967295.0,                                                                                \
         .help = "Answer only once this revision is visible"},                                               \
    {                                                                                                        \
        .name = "wait_ms", .type = PARAMETER_INTEGER, .min = 1, .max = 600000,                               \
        .help = "How long to wait for min_revision, in milliseconds (default 1000)"                          \
    }

static const struct parameter no_parameters[] = {{.name = NULL}};

static const struct parameter search_parameters[] = {
    {.name = "query",
     .type = PARAMETER_TEXT,
     .help = "Words, \"phrases\", AND OR NOT + - ( ), NEAR/n, pre*, key:value"},
    {.name = "filter", .type = PARAMETER_OBJECT, .help = "Which articles may be shown: see \"Filters\""},
    {.name = "sort",
     .type = PARAMETER_WORD,
     .words = "relevance|newest|oldest|most_viewed",
     .help = "Order of the hits"},
    {.name = "limit",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 10000,
     .help = "Hits to return (default 10)"},
    {.name = "offset", .type = PARAMETER_INTEGER, .min = 0, .max = 100000, .help = "Hits to skip"},
    {.name = "fields", .type = PARAMETER_TEXT_LIST, .min = 1, .max = 30, .help = "Article fields to return"},
    {.name = "language",
     .type = PARAMETER_TEXT,
     .min = 2,
     .max = 20,
     .help = "Language of the query's words"},
    {.name = "exact_total", .type = PARAMETER_BOOL, .help = "Count every match, even when that is slow"},
    QUERY_PARAMETERS,
    {.name = NULL}};

static const struct parameter weight_parameters[] = {
    {.name = "tags", .type = PARAMETER_NUMBER, .min = 0, .max = 1, .help = "Weight of tag overlap"},
    {.name = "entities", .type = PARAMETER_NUMBER, .min = 0, .max = 1, .help = "Weight of entity overlap"},
    {.name = "terms", .type = PARAMETER_NUMBER, .min = 0, .max = 1, .help = "Weight of similarity"},
    {.name = NULL}};

static const struct parameter exclude_parameters[] = {
    {.name = "ids", .type = PARAMETER_TEXT_LIST, .min = 0, .max = 1000, .help = "Articles never to suggest"},
    {.name = "tags",
     .type = PARAMETER_TEXT_LIST,
     .min = 0,
     .max = 200,
     .help = "No article with one of these tags"},
    {.name = "categories",
     .type = PARAMETER_TEXT_LIST,
     .min = 0,
     .max = 200,
     .help = "No article of these categories"},
    {.name = NULL}};

static const struct parameter recency_parameters[] = {
    {.name = "now",
     .type = PARAMETER_NUMBER,
     .min = 0,
     .max = 36500,
     .help = "Half-life in days against the present"},
    {.name = "source",
     .type = PARAMETER_NUMBER,
     .min = 0,
     .max = 36500,
     .help = "Half-life in days against the date of the source article"},
    {.name = NULL}};

/* What RELATED and CONNECTED have in common. */
#define RELATED_PARAMETERS                                                                                   \
    {.name = "id",                                                                                           \
     .type = PARAMETER_TEXT,                                                                                 \
     .min = 1,                                                                                               \
     .max = 200,                                                                                             \
     .help = "The article to find related stories for"},                                                     \
        {.name = "ids",                                                                                      \
         .type = PARAMETER_TEXT_LIST,                                                                        \
         .min = 1,                                                                                           \
         .max = 100,                                                                                         \
         .help = "Several articles: a reading history"},                                                     \
        {.name = "article", .type = PARAMETER_OBJECT, .help = "An article that is not stored: a draft"},     \
        {.name = "min_strength",                                                                             \
         .type = PARAMETER_NUMBER,                                                                           \
         .min = 0,                                                                                           \
         .max = 1,                                                                                           \
         .help = "Weakest connection to return"},                                                            \
        {.name = "filter",                                                                                   \
         .type = PARAMETER_OBJECT,                                                                           \
         .help = "Which articles may be suggested: see \"Filters\""},                                        \
        {.name = "exclude",                                                                                  \
         .type = PARAMETER_OBJECT,                                                                           \
         .members = exclude_parameters,                                                                      \
         .help = "What never to suggest"},                                                                   \
        {.name = "weights",                                                                                  \
         .type = PARAMETER_OBJECT,                                                                           \
         .members = weight_parameters,                                                                       \
         .help = "Weights for this call"},                                                                   \
        {.name = "recency",                                                                                  \
         .type = PARAMETER_OBJECT,                                                                           \
         .members = recency_parameters,                                                                      \
         .help = "Half-lives that lower the rank of distant articles"},                                      \
        {.name = "only",                                                                                     \
         .type = PARAMETER_WORD,                                                                             \
         .words = "any|earlier|later",                                                                       \
         .help = "Only articles from before or after the source article"},                                   \
        {.name = "copies",                                                                                   \
         .type = PARAMETER_WORD,                                                                             \
         .words = "collapse|show",                                                                           \
         .help = "Near-copies of one story: one suggestion (default), or each of them"},                     \
        {.name = "explain", .type = PARAMETER_BOOL, .help = "Show every part of the strength"},              \
    {                                                                                                        \
        .name = "fields", .type = PARAMETER_TEXT_LIST, .min = 1, .max = 30,                                  \
        .help = "Article fields to return"                                                                   \
    }

static const struct parameter related_parameters[] = {
    RELATED_PARAMETERS,
    {.name = "limit",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 10000,
     .help = "Suggestions to return (default 10)"},
    {.name = "diversity",
     .type = PARAMETER_NUMBER,
     .min = 0,
     .max = 1,
     .help = "0: the strongest; towards 1: unlike each other"},
    {.name = "min_results",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 1000,
     .help = "With fewer suggestions than this, none"},
    QUERY_PARAMETERS,
    {.name = NULL}};

static const struct parameter connected_parameters[] = {
    RELATED_PARAMETERS,
    {.name = "limit",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 10000,
     .help = "Events on the timeline (default 10)"},
    {.name = "sections",
     .type = PARAMETER_TEXT_LIST,
     .min = 1,
     .max = 10,
     .help = "Only these: article, about, overview, insights, timeline, names, topics"},
    QUERY_PARAMETERS,
    {.name = NULL}};

static const struct parameter profile_name_parameters[] = {
    {.name = "kind",
     .type = PARAMETER_WORD,
     .words = "person|organization|product|place|people|organizations|products|places",
     .required = true,
     .help = "Kind of the entity"},
    {.name = "name",
     .type = PARAMETER_TEXT,
     .required = true,
     .min = 1,
     .max = 200,
     .help = "Its name, or an alias"},
    {.name = NULL}};

static const struct parameter trending_parameters[] = {
    {.name = "category",
     .type = PARAMETER_TEXT,
     .min = 1,
     .max = 200,
     .help = "Only articles of this category"},
    {.name = "kinds",
     .type = PARAMETER_TEXT_LIST,
     .min = 1,
     .max = 5,
     .help = "Only these: tags, people, organizations, products, places"},
    {.name = "at",
     .type = PARAMETER_TEXT,
     .min = 1,
     .max = 40,
     .help = "The end of the window, RFC 3339 (default now)"},
    {.name = "window_days",
     .type = PARAMETER_NUMBER,
     .min = 0.01,
     .max = 365,
     .help = "Length of the window (default trending.window)"},
    {.name = "baseline_days",
     .type = PARAMETER_NUMBER,
     .min = 0.01,
     .max = 3650,
     .help = "Length of the time before it that it is compared with (default trending.baseline)"},
    {.name = "min_articles",
     .type = PARAMETER_INTEGER,
     .min = 1,
     .max = 1000000,
     .help = "Fewest articles of the window that a name must be in (default 3)"},
    {.name = "filter", .type = PARAMETER_OBJECT, .help = "Which articles are counted: see \"Filters\""},
    {.name = "limit",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 10000,
     .help = "Names to return (default 10)"},
    {.name = "articles",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 20,
     .help = "Articles to show for each (default 3)"},
    {.name = "fields", .type = PARAMETER_TEXT_LIST, .min = 1, .max = 30, .help = "Article fields to return"},
    QUERY_PARAMETERS,
    {.name = NULL}};

static const struct parameter get_parameters[] = {
    {.name = "id", .type = PARAMETER_TEXT, .min = 1, .max = 200, .help = "One article"},
    {.name = "ids", .type = PARAMETER_TEXT_LIST, .min = 1, .max = 1000, .help = "Several articles"},
    {.name = "profile",
     .type = PARAMETER_OBJECT,
     .members = profile_name_parameters,
     .help = "The profile of an entity"},
    {.name = "fields", .type = PARAMETER_TEXT_LIST, .min = 1, .max = 30, .help = "Article fields to return"},
    QUERY_PARAMETERS,
    {.name = NULL}};

#define ARTICLE_FIELD(key, text)                                                                             \
    {                                                                                                        \
        .name = key, .type = PARAMETER_ANY, .help = text                                                     \
    }

static const struct parameter article_parameters[] = {
    ARTICLE_FIELD("id", "Name of the article, 1 to 200 bytes"),
    ARTICLE_FIELD("url", "Address of its page"),
    ARTICLE_FIELD("title", "Title"),
    ARTICLE_FIELD("summary", "Summary"),
    ARTICLE_FIELD("body", "Text"),
    ARTICLE_FIELD("category", "Category"),
    ARTICLE_FIELD("source", "Publisher"),
    ARTICLE_FIELD("authors", "List of names"),
    ARTICLE_FIELD("tags", "List of tags"),
    ARTICLE_FIELD("people", "List of people in it"),
    ARTICLE_FIELD("organizations", "List of organizations in it"),
    ARTICLE_FIELD("products", "List of products in it"),
    ARTICLE_FIELD("places", "List of places in it"),
    ARTICLE_FIELD("language", "ISO 639-1 code"),
    ARTICLE_FIELD("published", "RFC 3339 date"),
    ARTICLE_FIELD("sentiment", "positive, neutral or negative"),
    ARTICLE_FIELD("views", "View count to start from"),
    ARTICLE_FIELD("extra", "Any object: stored and returned, not searched"),
    ARTICLE_FIELD("pinned", "List of ids, always among this article's connected stories"),
    ARTICLE_FIELD("blocked", "List of ids, never among them"),
    ARTICLE_FIELD("related", "off: no connected stories are shown for this article"),
    {.name = "wait",
     .type = PARAMETER_WORD,
     .words = "visible",
     .help = "Answer once the article can be found"},
    {.name = "wait_ms",
     .type = PARAMETER_INTEGER,
     .min = 1,
     .max = 600000,
     .help = "How long to wait (default 10000)"},
    {.name = "if_revision",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 4294967295.0,
     .help = "Only if this is its present revision (0: only if it does not exist)"},
    {.name = NULL}};

static const struct parameter delete_parameters[] = {
    {.name = "id", .type = PARAMETER_TEXT, .min = 1, .max = 200, .help = "One article"},
    {.name = "ids", .type = PARAMETER_TEXT_LIST, .min = 1, .max = 1000, .help = "Several articles"},
    {.name = "wait",
     .type = PARAMETER_WORD,
     .words = "visible",
     .help = "Answer once it cannot be found any more"},
    {.name = "wait_ms",
     .type = PARAMETER_INTEGER,
     .min = 1,
     .max = 600000,
     .help = "How long to wait (default 10000)"},
    {.name = "if_revision",
     .type = PARAMETER_INTEGER,
     .min = 0,
     .max = 4294967295.0,
     .help = "Only if this is its present revision"},
    {.name = NULL}};

static const struct parameter view_parameters[] = {
    {.name = "id", .type = PARAMETER_TEXT, .required = true, .min = 1, .max = 200, .help = "The article"},
    {.name = "count",
     .type = PARAMETER_INTEGER,
     .min = 1,
     .max = 1000000000,
     .help = "Views to add (default 1)"},
    {.name = NULL}};

static const struct parameter profile_parameters[] = {
    {.name = "kind",
     .type = PARAMETER_WORD,
     .words = "person|organization|product|place|people|organizations|products|places",
     .required = true,
     .help = "Kind of the entity"},
    {.name = "name",
     .type = PARAMETER_TEXT,
     .required = true,
     .min = 1,
     .max = 200,
     .help = "What the entity is called"},
    {.name = "about", .type = PARAMETER_TEXT, .min = 1, .max = 20000, .help = "Text about it"},
    {.name = "aliases", .type = PARAMETER_TEXT_LIST, .min = 0, .max = 50, .help = "Other names of it"},
    {.name = "url", .type = PARAMETER_TEXT, .min = 1, .max = 2000, .help = "Address of a page about it"},
    {.name = "image", .type = PARAMETER_TEXT, .min = 1, .max = 2000, .help = "Address of a picture of it"},
    {.name = "remove", .type = PARAMETER_BOOL, .help = "Remove the profile"},
    {.name = NULL}};

static const struct parameter flush_parameters[] = {{.name = "wait_ms",
                                                     .type = PARAMETER_INTEGER,
                                                     .min = 1,
                                                     .max = 3600000,
                                                     .help = "How long to wait (default 60000)"},
                                                    {.name = NULL}};

static const struct parameter reindex_parameters[] = {{.name = "action",
                                                       .type = PARAMETER_WORD,
                                                       .words = "start|status",
                                                       .help = "What to do (default status)"},
                                                      {.name = NULL}};

const struct command commands[] = {
    {.name = "PING",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_IO,
     .parameters = no_parameters,
     .run = command_ping,
     .help = "Is storyd alive?"},
    {.name = "HELLO",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_IO,
     .parameters = no_parameters,
     .run = command_hello,
     .help = "Name, version, protocol number, limits and features"},
    {.name = "QUIT",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_IO,
     .is_last = true,
     .parameters = no_parameters,
     .run = command_quit,
     .help = "Close the connection after the reply"},
    {.name = "SEARCH",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "query",
     .parameters = search_parameters,
     .run = command_search,
     .help = "Articles that match words and filters"},
    {.name = "RELATED",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "id",
     .parameters = related_parameters,
     .run = command_related,
     .help = "Articles connected to one, to several, or to a draft, and how strongly"},
    {.name = "CONNECTED",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "id",
     .parameters = connected_parameters,
     .run = command_connected,
     .help = "All that an article's \"Connected Events\" section shows"},
    {.name = "TRENDING",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "category",
     .parameters = trending_parameters,
     .run = command_trending,
     .help = "Tags, people, organizations, products and places that rise"},
    {.name = "GET",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "id",
     .parameters = get_parameters,
     .run = command_get,
     .help = "Stored articles"},
    {.name = "STATS",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .is_vital = true,
     .parameters = no_parameters,
     .run = command_stats,
     .help = "Figures of the server, the store, the index and the commands"},
    {.name = "PUT",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_IO,
     .is_write = true,
     .parameters = article_parameters,
     .run = command_put,
     .help = "Store or replace an article"},
    {.name = "PATCH",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_IO,
     .is_write = true,
     .parameters = article_parameters,
     .run = command_patch,
     .help = "Change some fields of an article (null removes one)"},
    {.name = "DELETE",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_IO,
     .is_write = true,
     .main_parameter = "id",
     .parameters = delete_parameters,
     .run = command_delete,
     .help = "Remove articles"},
    {.name = "VIEW",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_IO,
     .is_write = true,
     .main_parameter = "id",
     .parameters = view_parameters,
     .run = command_view,
     .help = "Count page views"},
    {.name = "PROFILE",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_IO,
     .is_write = true,
     .parameters = profile_parameters,
     .run = command_profile,
     .help = "Store or remove what is known about a person, organization, product or place"},
    {.name = "FLUSH",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_IO,
     .is_barrier = true,
     .parameters = flush_parameters,
     .run = command_flush,
     .help = "Answers when all that was written before is visible"},
    {.name = "REINDEX",
     .role = ROLE_ADMIN,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "action",
     .parameters = reindex_parameters,
     .run = command_reindex,
     .help = "Build a new generation of the index from the store beside the live one"},
    {.name = "SHUTDOWN",
     .role = ROLE_ADMIN,
     .place = COMMAND_ON_IO,
     .is_last = true,
     .parameters = no_parameters,
     .run = command_shutdown,
     .help = "Answer what is under way, then end storyd"},
    {.name = NULL}};
