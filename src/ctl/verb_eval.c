/* verb_eval.c - eval: asks the judged queries of a file and says how good the answers are, with one or two
 * settings. */
#include "base/memory.h"
#include "ctl/judge_file.h"
#include "ctl/measures.h"
#include "ctl/session.h"
#include "ctl/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HITS 100        /* looked at for the reciprocal rank */
#define IDS_AT_ONCE 500 /* of a GET */

enum { NDCG_5, NDCG_10, MRR, MEASURE_COUNT };
static const char *const measure_keys[] = {"ndcg5", "ndcg10", "mrr"};
static const char *const measure_names[] = {"nDCG@5", "nDCG@10", "MRR"};

/* The figures of one command. */
struct figures {
    size_t queries;                /* measured */
    size_t passed_over;            /* the source of RELATED is not stored */
    double sums[2][MEASURE_COUNT]; /* of the first and the second setting */
    size_t hits[2];                /* among the first ten of all queries */
    size_t unjudged[2];            /* of them */
};

struct evaluation {
    struct session *session;
    struct judge_file file;
    json_t *changes[2]; /* of RELATED, of SEARCH: what the second setting adds to the arguments */
    bool has_second;
    struct figures figures[2]; /* of RELATED, of SEARCH */
    json_t *missing;           /* object whose keys are judged ids that are not stored */
};

/* ---- the second setting ---- */

/* Puts a value at "weights.tags" of an object. */
static void set_at(json_t *object, const char *path, json_t *value)
{
    const char *dot = strchr(path, '.');
    if (dot == NULL) {
        json_object_set_new(object, path, value);
        return;
    }
    json_t *inner = json_object();
    set_at(inner, dot + 1, value);
    json_t *outer = json_object();
    json_object_setn_new(outer, path, (size_t)(dot - path), inner);
    json_object_update_recursive(object, outer);
    json_decref(outer);
}

/* "weights.tags=0", "search.sort=newest": JSON, or else a text. */
static int read_setting(struct evaluation *evaluation, const char *text, struct error *error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0')
        return error_set(error, ERROR_BAD_REQUEST,
                         "--set takes KEY=VALUE, as weights.tags=0 or search.sort=newest, not \"%.60s\"",
                         text);
    bool is_search = strncmp(text, "search.", 7) == 0;
    char *path = memory_copy_bytes(text, (size_t)(equals - text));
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    set_at(evaluation->changes[is_search], path + (is_search ? 7 : 0),
           value != NULL ? value : json_string(equals + 1));
    free(path);
    evaluation->has_second = true;
    return 0;
}

static int read_settings(struct evaluation *evaluation, struct error *error)
{
    size_t at = 0;
    for (const char *text; (text = invocation_next(evaluation->session->invocation, "set", &at)) != NULL;)
        if (read_setting(evaluation, text, error) != 0)
            return -1;
    return 0;
}

/* ---- measuring ---- */

static void measure(struct figures *figures, int setting, const struct judged_query *query,
                    const json_t *hits)
{
    double gains[HITS];
    size_t count = json_array_size(hits) < HITS ? json_array_size(hits) : HITS;
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_object_get(json_array_get(hits, i), "id");
        const json_t *gain = json_object_get(query->judged, json_string_value(id));
        gains[i] = json_number_value(gain);
        figures->hits[setting] += i < 10;
        figures->unjudged[setting] += i < 10 && gain == NULL;
    }
    size_t judged_count = 0;
    double *judged = memory_zeroed(json_object_size(query->judged), sizeof *judged);
    const char *id;
    json_t *gain;
    json_object_foreach(query->judged, id, gain) judged[judged_count++] = json_number_value(gain);
    figures->sums[setting][NDCG_5] += measure_ndcg(gains, count, judged, judged_count, 5);
    figures->sums[setting][NDCG_10] += measure_ndcg(gains, count, judged, judged_count, 10);
    figures->sums[setting][MRR] += measure_reciprocal_rank(gains, count);
    free(judged);
}

/* Asks one query in one setting. EXIT_DONE also for an article that is not there: then nothing is measured.
 */
static int ask(struct evaluation *evaluation, const struct judged_query *query, int setting)
{
    struct session *session = evaluation->session;
    struct figures *figures = &evaluation->figures[query->is_search];
    json_t *arguments = json_pack("{s:s, s:i, s:[s]}", query->is_search ? "query" : "id", query->text,
                                  "limit", HITS, "fields", "id");
    if (setting == 1)
        json_object_update_recursive(arguments, evaluation->changes[query->is_search]);
    int code = session_ask(session, query->is_search ? "SEARCH" : "RELATED", arguments);
    if (code != EXIT_DONE)
        return code;
    if (session_is_ok(session)) {
        figures->queries += setting == 0;
        measure(figures, setting, query,
                json_object_get(session->answer, query->is_search ? "hits" : "related"));
        return EXIT_DONE;
    }
    if (session_has_error(session, "not_found")) {
        figures->passed_over += setting == 0;
        return EXIT_DONE;
    }
    const json_t *reason = json_object_get(json_object_get(session->answer, "error"), "message");
    struct error error = ERROR_INIT;
    error_set(&error, ERROR_BAD_REQUEST, "the query of line %llu was refused: %.300s",
              (unsigned long long)query->line, json_string_value(reason));
    return session_complain(EXIT_REFUSED, &error);
}

/* ---- what is not stored ---- */

static int ask_missing(struct evaluation *evaluation, json_t *ids)
{
    struct session *session = evaluation->session;
    int code = session_ask(session, "GET", json_pack("{s:o, s:[s]}", "ids", ids, "fields", "id"));
    const json_t *missing = json_object_get(session->answer, "missing");
    for (size_t i = 0; code == EXIT_DONE && i < json_array_size(missing); i++)
        json_object_set_new(evaluation->missing, json_string_value(json_array_get(missing, i)), json_true());
    return code;
}

static int find_missing(struct evaluation *evaluation)
{
    json_t *all = json_object();
    for (size_t i = 0; i < evaluation->file.count; i++)
        json_object_update(all, evaluation->file.queries[i].judged);
    json_t *ids = json_array();
    int code = EXIT_DONE;
    const char *id;
    json_t *gain;
    json_object_foreach(all, id, gain)
    {
        if (code != EXIT_DONE)
            break;
        json_array_append_new(ids, json_string(id));
        if (json_array_size(ids) == IDS_AT_ONCE) {
            code = ask_missing(evaluation, ids);
            ids = json_array();
        }
    }
    if (code == EXIT_DONE && json_array_size(ids) > 0)
        code = ask_missing(evaluation, ids);
    else
        json_decref(ids);
    json_decref(all);
    return code;
}

/* ---- the report ---- */

static double mean_of(const struct figures *figures, int setting, int which)
{
    return figures->queries != 0 ? figures->sums[setting][which] / (double)figures->queries : 0;
}

static double unjudged_share(const struct figures *figures, int setting)
{
    return figures->hits[setting] != 0 ? (double)figures->unjudged[setting] / (double)figures->hits[setting]
                                       : 0;
}

static json_t *setting_json(const struct figures *figures, int setting)
{
    json_t *object = json_object();
    for (int i = 0; i < MEASURE_COUNT; i++)
        json_object_set_new(object, measure_keys[i], json_real(mean_of(figures, setting, i)));
    json_object_set_new(object, "unjudged", json_real(unjudged_share(figures, setting)));
    return object;
}

static json_t *figures_json(const struct evaluation *evaluation, const struct figures *figures)
{
    json_t *object = json_pack("{s:I, s:I, s:o}", "queries", (json_int_t)figures->queries, "passed_over",
                               (json_int_t)figures->passed_over, "first", setting_json(figures, 0));
    if (evaluation->has_second)
        json_object_set_new(object, "second", setting_json(figures, 1));
    return object;
}

static void print_json(const struct evaluation *evaluation)
{
    json_t *missing = json_array();
    const char *id;
    json_t *value;
    json_object_foreach(evaluation->missing, id, value) json_array_append_new(missing, json_string(id));
    session_print_json(json_pack("{s:b, s:o, s:o, s:o}", "ok", 1, "search",
                                 figures_json(evaluation, &evaluation->figures[1]), "related",
                                 figures_json(evaluation, &evaluation->figures[0]), "missing", missing));
}

static void print_row(const struct evaluation *evaluation, const char *name, double first, double second)
{
    printf("  %-10s %8.4f", name, first);
    if (evaluation->has_second)
        printf(" %8.4f %+8.4f", second, second - first);
    putchar('\n');
}

static void print_figures(const struct evaluation *evaluation, const char *command,
                          const struct figures *figures)
{
    if (figures->queries + figures->passed_over == 0)
        return;
    printf("%s, %zu judged %s", command, figures->queries, figures->queries == 1 ? "query" : "queries");
    if (figures->passed_over != 0)
        printf("; %zu passed over: there is no such article", figures->passed_over);
    printf("\n%s\n", evaluation->has_second ? "                first   second difference" : "");
    for (int i = 0; i < MEASURE_COUNT; i++)
        print_row(evaluation, measure_names[i], mean_of(figures, 0, i), mean_of(figures, 1, i));
    print_row(evaluation, "unjudged", unjudged_share(figures, 0), unjudged_share(figures, 1));
    putchar('\n');
}

static void print_text(const struct evaluation *evaluation)
{
    print_figures(evaluation, "SEARCH", &evaluation->figures[1]);
    print_figures(evaluation, "RELATED", &evaluation->figures[0]);
    size_t missing = json_object_size(evaluation->missing);
    if (missing != 0)
        printf("%zu judged %s not stored and count as not found\n", missing,
               missing == 1 ? "article is" : "articles are");
}

/* ---- the verb ---- */

static int evaluate(struct evaluation *evaluation)
{
    struct error error = ERROR_INIT;
    if (read_settings(evaluation, &error) != 0 ||
        judge_file_read(evaluation->session->invocation->words[0], &evaluation->file, &error) != 0)
        return session_complain(EXIT_USAGE, &error);
    int code = find_missing(evaluation);
    for (size_t i = 0; i < evaluation->file.count; i++)
        for (int setting = 0; setting <= evaluation->has_second && code == EXIT_DONE; setting++)
            code = ask(evaluation, &evaluation->file.queries[i], setting);
    if (code != EXIT_DONE)
        return code;
    if (evaluation->session->as_text)
        print_text(evaluation);
    else
        print_json(evaluation);
    return EXIT_DONE;
}

int verb_eval(struct session *session)
{
    struct evaluation evaluation = {
        .session = session, .changes = {json_object(), json_object()}, .missing = json_object()};
    int code = evaluate(&evaluation);
    judge_file_release(&evaluation.file);
    json_decref(evaluation.changes[0]);
    json_decref(evaluation.changes[1]);
    json_decref(evaluation.missing);
    return code;
}
