/* verbs.c - the tables of verbs and their options: help, checking and dispatch come from here. */
#include "ctl/verbs.h"

#include <stdint.h>

#define ANY_NUMBER SIZE_MAX

const struct verb_option general_options[] = {
    {"socket", "ADDRESS", VALUE_TEXT, false,
     "Where storyd listens: unix:PATH or tcp:HOST:PORT. Else $STORYCTL_SOCKET, else "
     "unix:/run/storyd/storyd.sock"},
    {"timeout", "SECONDS", VALUE_COUNT, false, "Longest wait for the server (60; 0: for ever)"},
    {"json", NULL, VALUE_NONE, false,
     "Print the server's reply as it came. Usual when the output is no terminal"},
    {"text", NULL, VALUE_NONE, false, "Print readable text and tables. Usual on a terminal"},
    {"quiet", NULL, VALUE_NONE, false, "No progress line"},
    {"help", NULL, VALUE_NONE, false, "Print this help; with a verb, that verb's"},
    {"version", NULL, VALUE_NONE, false, "Print the version"},
    {0}};

static const struct verb_option import_options[] = {
    {"profiles", NULL, VALUE_NONE, false,
     "The lines are profiles of people, organizations, products and places"},
    {"rejects", "FILE", VALUE_TEXT, false,
     "Write rejected lines to FILE, one JSON object a line: file, line, code, message, text"},
    {"resume", NULL, VALUE_NONE, false, "Go on where an earlier import of the same file was interrupted"},
    {"state", "FILE", VALUE_TEXT, false,
     "Keep in FILE how far the import has come (else in ~/.local/state/storyctl)"},
    {"from-line", "N", VALUE_COUNT, false, "Pass over the lines before line N"},
    {"patience", "SECONDS", VALUE_COUNT, false,
     "Give up when the server has been refusing all articles (busy, disk full) for this long (60)"},
    {"flush", NULL, VALUE_NONE, false, "Wait until all imported articles can be found"},
    {0}};

#define FILTER_OPTION                                                                                        \
    {                                                                                                        \
        "filter", "KEY=VALUE", VALUE_TEXT, true,                                                             \
            "Only articles with this tags, people, organizations, products, places, category, source, "      \
            "language, "                                                                                     \
            "sentiment, or published=FROM..TO. Several values of a key: any of them. KEY+=VALUE: with all "  \
            "of "                                                                                            \
            "these. KEY!=VALUE: without this one. Also a JSON object as in the protocol"                     \
    }
#define FIELDS_OPTION                                                                                        \
    {                                                                                                        \
        "fields", "A,B,...", VALUE_TEXT, false, "Fields of the articles to return"                           \
    }

static const struct verb_option search_options[] = {
    FILTER_OPTION,
    {"sort", "ORDER", VALUE_TEXT, false, "relevance, newest, oldest or most_viewed"},
    {"limit", "N", VALUE_COUNT, false, "Hits to show (10)"},
    {"offset", "N", VALUE_COUNT, false, "Hits to skip (0)"},
    {"language", "CODE", VALUE_TEXT, false, "Language of the words, as en"},
    {"exact-total", NULL, VALUE_NONE, false, "Count every match, even when that is slow"},
    FIELDS_OPTION,
    {0}};

/* What related and connected have in common. */
#define RELATED_OPTIONS                                                                                      \
    {"min-strength", "SHARE", VALUE_SHARE, false, "Weakest connection to show: 0.2 or 20%"},                 \
        {"article", "FILE", VALUE_TEXT, false,                                                               \
         "For the article in FILE (- is standard input), which is not stored"},                              \
        FILTER_OPTION, {"exclude", "ID", VALUE_TEXT, true, "Never suggest this article"},                    \
        {"exclude-tag", "TAG", VALUE_TEXT, true, "Never suggest articles with this tag"},                    \
        {"exclude-category", "NAME", VALUE_TEXT, true, "Never suggest articles of this category"},           \
        {"only", "SIDE", VALUE_TEXT, false, "earlier or later: than the article; any"},                      \
        {"copies", "HOW", VALUE_TEXT, false, "Near-copies of one story: collapse (into one) or show"},       \
        {"recency-now", "DAYS", VALUE_TEXT, false, "Half-life of the rank against the present"},             \
        {"recency-source", "DAYS", VALUE_TEXT, false, "The same against the article's date"},                \
        {"weights", "KEY=NUMBER,...", VALUE_TEXT, false,                                                     \
         "Weights of tags, entities and terms, 0 to 1, for this call"},                                      \
    {                                                                                                        \
        "explain", NULL, VALUE_NONE, false, "Show every part of the strength"                                \
    }

static const struct verb_option related_options[] = {
    {"limit", "N", VALUE_COUNT, false, "Stories to show (10)"},
    RELATED_OPTIONS,
    {"diversity", "SHARE", VALUE_SHARE, false, "0: the strongest; towards 1: unlike each other"},
    {"min-results", "N", VALUE_COUNT, false, "With fewer stories than this, none"},
    FIELDS_OPTION,
    {0}};

static const struct verb_option connected_options[] = {
    {"limit", "N", VALUE_COUNT, false, "Events on the timeline (10)"},
    RELATED_OPTIONS,
    {"sections", "A,B,...", VALUE_TEXT, false,
     "Only these: article, about, overview, insights, timeline, names, topics"},
    FIELDS_OPTION,
    {0}};

static const struct verb_option trending_options[] = {
    {"at", "DATE", VALUE_TEXT, false, "The end of the window (now)"},
    {"window", "DAYS", VALUE_TEXT, false, "Length of the window (2, or as configured)"},
    {"baseline", "DAYS", VALUE_TEXT, false,
     "Length of the time before it that it is compared with (14, or as configured)"},
    {"kind", "KIND", VALUE_TEXT, true, "Only tags, people, organizations, products or places"},
    {"min-articles", "N", VALUE_COUNT, false, "Fewest articles in the window (3)"},
    {"limit", "N", VALUE_COUNT, false, "Names to show (10)"},
    {"articles", "N", VALUE_COUNT, false, "Articles to show for each (3)"},
    FILTER_OPTION,
    FIELDS_OPTION,
    {0}};

static const struct verb_option eval_options[] = {
    {"set", "KEY=VALUE", VALUE_TEXT, true,
     "Measure a second setting, too: a parameter of RELATED (weights.tags=0, recency.source=30) or, behind "
     "search., of SEARCH"},
    {0}};

static const struct verb_option get_options[] = {FIELDS_OPTION, {0}};

static const struct verb_option write_options[] = {
    {"wait", NULL, VALUE_NONE, false, "Wait until the change can be found"},
    {"if-revision", "N", VALUE_COUNT, false,
     "Only if the article's revision is still N (0: only if there is none with this id)"},
    {0}};

static const struct verb_option patch_options[] = {
    {"wait", NULL, VALUE_NONE, false, "Wait until the change can be found"},
    {"if-revision", "N", VALUE_COUNT, false, "Only if the article's revision is still N"},
    {0}};

static const struct verb_option delete_options[] = {
    {"wait", NULL, VALUE_NONE, false, "Wait until the articles are no longer found"}, {0}};

static const struct verb_option profile_options[] = {
    {"about", "TEXT", VALUE_TEXT, false, "A text about it"},
    {"alias", "NAME", VALUE_TEXT, true, "Another name that articles have for it"},
    {"url", "URL", VALUE_TEXT, false, "A page about it"},
    {"image", "URL", VALUE_TEXT, false, "A picture of it"},
    {"remove", NULL, VALUE_NONE, false, "Remove the profile"},
    {0}};

static const struct verb_option stats_options[] = {
    {"all", NULL, VALUE_NONE, false, "Also limits and what is zero"}, {0}};

static const struct verb_option reindex_options[] = {{"no-wait", NULL, VALUE_NONE, false, "Only start it"},
                                                     {0}};

const struct verb verbs[] = {
    {"import", "FILE...", "Store the articles of files, one JSON object a line",
     "Reads plain text, gzip and zstd; - is standard input. Lines that the server will not take are reported "
     "with their "
     "number and the reason, all others are stored. What is stored is safe on disk. Ctrl-C stops the import "
     "in good "
     "order; storyctl import --resume FILE goes on from there, also after a crash.\n\n"
     "  storyctl import news.ndjson.zst --rejects rejects.ndjson\n"
     "  jq -r .text rejects.ndjson | sed ... | storyctl import -",
     import_options, 1, ANY_NUMBER, verb_import},
    {"search", "[QUERY...]", "Articles that match words and filters",
     "A query has words, \"phrases\", AND OR NOT + -, ( ), NEAR/n, pre*, and title: tag: person: org: "
     "product: place: "
     "category: author: source: language: published:FROM..TO. Without a query, all articles that pass the "
     "filter.\n\n"
     "  storyctl search spotify tag:ai\n"
     "  storyctl search '\"climate adaptation\" -flood' --sort newest --limit 5\n"
     "  storyctl search --filter tags=space --filter published=2025-07..2025-09 --sort most_viewed",
     search_options, 0, ANY_NUMBER, verb_search},
    {"related", "[ID...]", "Stories connected to an article, and how strongly",
     "The percentage is the connection strength: made of shared tags, shared names (people, organizations, "
     "products, "
     "places) and similar words. Several ids are a reading history.\n\n"
     "  storyctl related a17\n"
     "  storyctl related a17 a18 --min-strength 20% --filter category=Science\n"
     "  storyctl related --article draft.json",
     related_options, 0, ANY_NUMBER, verb_related},
    {"connected", "[ID...]", "The page of an article's connected events",
     "The article, figures of all events that are connected to it, the strongest of them on a timeline, who "
     "is involved, "
     "and the topics. Several ids are a reading history.\n\n"
     "  storyctl connected a17\n"
     "  storyctl connected a17 --limit 5 --min-strength 20% --sections overview,timeline\n"
     "  storyctl connected --article draft.json",
     connected_options, 0, ANY_NUMBER, verb_connected},
    {"trending", "[CATEGORY]", "Tags, people, organizations, products and places that rise",
     "What is in more articles a day than in the time before, with a line of how often over both times and "
     "the "
     "articles that are most about it.\n\n"
     "  storyctl trending\n"
     "  storyctl trending Science --kind people --kind places\n"
     "  storyctl trending --at 2025-08-07 --window 14 --baseline 90",
     trending_options, 0, 1, verb_trending},
    {"eval", "FILE", "How good SEARCH and RELATED are, by judged queries",
     "Each line of FILE (- is standard input) is a JSON object: a query or an article's id, and the ids that "
     "should be "
     "found with their gains, 0 or more (2: the same event, 1: the same topic).\n\n"
     "  {\"search\":\"rocket launch\",\"judged\":{\"a1\":2,\"a7\":1}}\n"
     "  {\"related\":\"a1\",\"judged\":{\"a2\":2,\"a3\":1}}\n\n"
     "Prints the means of nDCG@5 and nDCG@10 and of the reciprocal rank of the first good hit among 100 "
     "(MRR), "
     "and the "
     "share of the first ten hits that nobody judged.\n\n"
     "  storyctl eval judged.ndjson\n"
     "  storyctl eval judged.ndjson --set weights.tags=0.4 --set recency.source=30",
     eval_options, 1, 1, verb_eval},
    {"get", "ID...", "Stored articles", "  storyctl get a17\n  storyctl get a17 a18 --fields title,tags",
     get_options, 1, ANY_NUMBER, verb_get},
    {"put", "FILE", "Store or replace one article",
     "The file (- is standard input) holds one article, a JSON object that may go over several lines.\n\n"
     "  echo '{\"id\":\"a17\",\"title\":\"A title\",\"tags\":[\"ai\"]}' | storyctl put -",
     write_options, 1, 1, verb_put},
    {"patch", "FILE", "Change some fields of an article",
     "The file (- is standard input) holds a JSON object with the id and the fields to change; null removes "
     "one.\n\n"
     "  echo '{\"id\":\"a17\",\"category\":\"Tech\",\"url\":null}' | storyctl patch -",
     patch_options, 1, 1, verb_patch},
    {"delete", "ID...", "Remove articles", "", delete_options, 1, ANY_NUMBER, verb_delete},
    {"view", "ID [COUNT]", "Count page views of an article", "", NULL, 1, 2, verb_view},
    {"profile", "KIND NAME | FILE", "What is known about a person, organization, product or place",
     "Shows the profile of the entity with this name or alias. With options, stores one, in the place of the "
     "one "
     "there is: what is not said again is gone. KIND is person, organization, product or place. A FILE (- is "
     "standard input) holds a whole profile, a JSON object.\n\n"
     "  storyctl profile organization SpaceX --about 'Builds rockets.' --alias 'Space Exploration "
     "Technologies'\n"
     "  storyctl profile organization SpaceX\n"
     "  storyctl profile organization SpaceX --remove\n"
     "  echo '{\"kind\":\"place\",\"name\":\"NYC\",\"aliases\":[\"New York\"]}' | storyctl profile -",
     profile_options, 1, 2, verb_profile},
    {"stats", "", "Figures of the server, the store, the index and the commands", "", stats_options, 0, 0,
     verb_stats},
    {"flush", "", "Wait until all that was written before can be found", "", NULL, 0, 0, verb_flush},
    {"reindex", "[status]", "Build the index anew from the store, beside the live one",
     "Starts it (or finds it running) and follows it to the end. Searching and writing go on meanwhile, and "
     "Ctrl-C ends "
     "only the following. reindex status prints how far it is.",
     reindex_options, 0, 1, verb_reindex},
    {"ping", "", "Is storyd alive?", "", NULL, 0, 0, verb_ping},
    {"raw", "LINE...", "Send request lines as they are",
     "Each LINE is one request of the line protocol; - reads lines from standard input.\n\n"
     "  storyctl raw HELLO\n"
     "  storyctl raw 'SEARCH {\"query\":\"rocket\",\"limit\":3}'",
     NULL, 1, ANY_NUMBER, verb_raw},
    {"shutdown", "", "Let storyd answer what is under way and end", "", NULL, 0, 0, verb_shutdown},
    {0}};
