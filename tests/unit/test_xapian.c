#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "index/xapian.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORDS_MAX 64

/* A directory of its own for each test, and the reader it searches with. */
struct fixture {
    char directory[40];
    struct xapian_reader *reader;
    struct xapian_result result;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/storyd-xapian-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL)
        return -1;
    fixture->reader = xapian_reader_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    xapian_reader_free(fixture->reader);
    file_remove_tree(fixture->directory, NULL);
    free(fixture);
    return 0;
}

static char *path_of(const struct fixture *fixture, const char *name)
{
    return file_join(fixture->directory, name);
}

static struct xapian_writer *new_writer(struct fixture *fixture, const char *name)
{
    char *path = path_of(fixture, name);
    struct xapian_writer *writer = NULL;
    if (xapian_writer_open(path, true, false, &writer, &fixture->error) != XAPIAN_OK)
        fail_msg("%s", fixture->error.message);
    free(path);
    return writer;
}

/* Adds a document of words, each different; the first has impact 10, the next 20, and so on to 120. Words
 * with a capital are boolean terms. */
static int add_words(struct xapian_writer *writer, uint32_t docid, const char *text, struct error *error)
{
    char copy[1000];
    struct xapian_term terms[WORDS_MAX];
    uint32_t positions[WORDS_MAX];
    size_t count = 0;
    char *rest = NULL;
    strcpy(copy, text);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        bool boolean = word[0] >= 'A' && word[0] <= 'Z';
        positions[count] = (uint32_t)count + 1;
        terms[count] = (struct xapian_term){.text = word,
                                            .length = (uint32_t)strlen(word),
                                            .impact = boolean ? 0 : (uint32_t)(count % 12 + 1) * 10,
                                            .positions = boolean ? NULL : &positions[count],
                                            .position_count = boolean ? 0 : 1};
        count++;
    }
    return xapian_writer_add(writer, docid, terms, count, error);
}

static void finish(struct xapian_writer *writer, uint64_t position)
{
    assert_int_equal(xapian_writer_commit(writer, position, "test", NULL), XAPIAN_OK);
    xapian_writer_close(writer);
}

/* A database of the texts under first, first + 1, … */
static void make_database(struct fixture *fixture, const char *name, uint32_t first, const char *const *texts,
                          size_t count)
{
    struct xapian_writer *writer = new_writer(fixture, name);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(add_words(writer, first + (uint32_t)i, texts[i], NULL), XAPIAN_OK);
    finish(writer, first);
}

/* ---- a disk that takes nothing more ---- */

/* Files may not grow beyond so many bytes, until it is called with RLIM_INFINITY. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Xapian closes the file of a revision that cannot be written, and its number a second time with the object.
 */
static void a_failed_commit_closes_no_file_of_others(void **state)
{
    struct fixture *fixture = *state;
    struct xapian_writer *writer = new_writer(fixture, "db");
    assert_int_equal(add_words(writer, 1, "one two three", NULL), XAPIAN_OK);
    char *revision = path_of(fixture, "db/v.tmp");
    assert_int_equal(symlink("/dev/full", revision), 0);
    assert_int_not_equal(xapian_writer_commit(writer, 1, "test", &fixture->error), XAPIAN_OK);
    int files[20];
    for (size_t i = 0; i < 20; i++)
        files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    xapian_writer_close(writer);
    for (size_t i = 0; i < 20; i++) {
        assert_int_not_equal(fcntl(files[i], F_GETFD), -1);
        close(files[i]);
    }
    free(revision);
}

static void a_database_that_cannot_be_created(void **state)
{
    struct fixture *fixture = *state;
    struct xapian_writer *writer = NULL;
    assert_int_equal(xapian_prepare(fixture->directory, NULL), XAPIAN_OK);
    char *path = path_of(fixture, "db");
    signal(SIGXFSZ, SIG_IGN);
    limit_files(0);
    assert_int_equal(xapian_writer_open(path, true, false, &writer, &fixture->error), XAPIAN_FAILED);
    limit_files(RLIM_INFINITY);
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_int_equal(xapian_writer_open(path, true, false, &writer, &fixture->error), XAPIAN_OK);
    assert_int_equal(add_words(writer, 1, "one two three", NULL), XAPIAN_OK);
    finish(writer, 1);
    free(path);
}

/* ---- trees ---- */

static struct query_node nodes[100];
static struct query_node *children[200];
static size_t node_count, child_count;

static struct query_node *new_node(enum query_op op)
{
    assert_true(node_count < sizeof nodes / sizeof nodes[0]);
    struct query_node *node = &nodes[node_count++];
    *node = (struct query_node){.op = op, .children = &children[child_count]};
    return node;
}

static struct query_node *term(const char *text)
{
    struct query_node *node = new_node(QUERY_TERM);
    node->term = text;
    node->term_length = strlen(text);
    node->weighted = !(text[0] >= 'A' && text[0] <= 'Z');
    return node;
}

static struct query_node *wildcard(const char *text)
{
    struct query_node *node = term(text);
    node->op = QUERY_WILDCARD;
    return node;
}

static struct query_node *pair(enum query_op op, struct query_node *left, struct query_node *right)
{
    struct query_node *node = new_node(op);
    children[child_count++] = left;
    children[child_count++] = right;
    node->child_count = 2;
    node->window = 2;
    return node;
}

static struct xapian_search search_for(const struct query_node *query, const struct xapian_source *sources,
                                       size_t count)
{
    return (struct xapian_search){.sources = sources,
                                  .source_count = count,
                                  .query = query,
                                  .wildcard_expansions = 100,
                                  .ranked = true,
                                  .limit = 10,
                                  .check_at_least = SIZE_MAX};
}

static void run(struct fixture *fixture, const struct xapian_search *search)
{
    int status = xapian_search(fixture->reader, search, &fixture->result, &fixture->error);
    if (status != XAPIAN_OK)
        fail_msg("%d: %s", status, fixture->error.message);
}

/* The docids found in `source`, best first, as text. */
static void check_found(struct fixture *fixture, const struct xapian_source *source,
                        const struct query_node *query, const char *expected)
{
    struct buffer found = BUFFER_INIT;
    buffer_append_string(&found, "");
    struct xapian_search search = search_for(query, source, 1);
    run(fixture, &search);
    for (size_t i = 0; i < fixture->result.hit_count; i++)
        buffer_printf(&found, "%s%u", i > 0 ? " " : "", fixture->result.hits[i].docid);
    assert_string_equal(found.data, expected);
    buffer_release(&found);
    assert_int_equal(fixture->result.total, fixture->result.hit_count);
    assert_true(fixture->result.total_exact);
    node_count = child_count = 0;
}

/* ---- writing ---- */

static void what_is_committed_stays(void **state)
{
    struct fixture *fixture = *state;
    char *path = path_of(fixture, "hot");
    struct xapian_writer *writer = NULL;
    uint64_t position = 0;
    uint32_t documents = 0, last = 0;
    char owner[20], cut[4];
    assert_int_equal(xapian_writer_open(path, false, true, &writer, NULL), XAPIAN_NOT_FOUND);
    assert_int_equal(xapian_writer_open(path, true, true, &writer, NULL), XAPIAN_OK);
    assert_int_equal(add_words(writer, 5, "a b", NULL), XAPIAN_OK);
    assert_int_equal(add_words(writer, 9, "a c", NULL), XAPIAN_OK);
    assert_int_equal(xapian_writer_count(writer), 2);
    assert_int_equal(xapian_writer_commit(writer, UINT64_C(5000000000), "generation 3", NULL), XAPIAN_OK);
    assert_int_equal(add_words(writer, 10, "lost", NULL), XAPIAN_OK);
    xapian_writer_close(writer);
    assert_int_equal(xapian_position(path, &position, owner, sizeof owner, NULL), XAPIAN_OK);
    assert_true(position == UINT64_C(5000000000));
    assert_string_equal(owner, "generation 3");
    assert_int_equal(xapian_position(path, &position, cut, sizeof cut, NULL), XAPIAN_OK);
    assert_string_equal(cut, "gen");
    assert_int_equal(xapian_count(path, &documents, &last, NULL), XAPIAN_OK);
    assert_int_equal(documents, 2);
    assert_int_equal(last, 9);
    assert_int_equal(xapian_writer_open(path, false, true, &writer, NULL), XAPIAN_OK);
    assert_int_equal(xapian_writer_count(writer), 2);
    assert_int_equal(add_words(writer, 11, "kept", NULL), XAPIAN_OK);
    finish(writer, 11);
    assert_int_equal(xapian_count(path, &documents, &last, NULL), XAPIAN_OK);
    assert_int_equal(last, 11);
    free(path);
}

static void a_database_has_one_writer(void **state)
{
    struct fixture *fixture = *state;
    struct xapian_writer *writer = new_writer(fixture, "hot"), *second = NULL;
    char *path = path_of(fixture, "hot");
    assert_int_equal(xapian_writer_open(path, true, false, &second, &fixture->error), XAPIAN_LOCKED);
    xapian_writer_close(writer);
    assert_int_equal(xapian_writer_open(path, true, false, &second, &fixture->error), XAPIAN_OK);
    xapian_writer_close(second);
    free(path);
}

static void bad_documents_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct xapian_writer *writer = new_writer(fixture, "hot");
    char text[XAPIAN_TERM_MAX + 1], zeros[XAPIAN_TERM_MAX] = "";
    uint32_t beyond = UINT32_MAX;
    memset(text, 'x', sizeof text);
    const struct xapian_term bad[] = {
        {text, XAPIAN_TERM_MAX + 1, 1, NULL, 0}, {zeros, 123, 1, NULL, 0}, {"", 0, 1, NULL, 0},
        {"a", 1, IMPACT_MAX + 1, NULL, 0},       {"a", 1, 1, &beyond, 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(add_words(writer, 1, "a", NULL), XAPIAN_OK);
        fixture->error.code = ERROR_NONE;
        assert_int_equal(xapian_writer_add(writer, 2, &bad[i], 1, &fixture->error), XAPIAN_FAILED);
        assert_int_equal(fixture->error.code, ERROR_BAD_REQUEST);
        assert_int_equal(xapian_writer_count(writer), 0); /* the batch is gone */
    }
    const struct xapian_term longest[] = {{text, XAPIAN_TERM_MAX, 1, NULL, 0}, {zeros, 122, 1, NULL, 0}};
    assert_int_equal(xapian_writer_add(writer, 0, longest, 2, NULL), XAPIAN_FAILED);
    assert_int_equal(xapian_writer_add(writer, 7, longest, 2, NULL), XAPIAN_OK);
    finish(writer, 7);
}

static bool collect_term(void *context, const char *text, size_t length, uint32_t frequency)
{
    buffer_printf(context, "%.*s:%u ", (int)length, text, frequency);
    return true;
}

static bool collect_document(void *context, uint32_t docid, const struct xapian_stem *stems, size_t count)
{
    buffer_printf(context, "%u(", docid);
    for (size_t i = 0; i < count; i++)
        buffer_printf(context, " %.*s:%u", (int)stems[i].length, stems[i].text, stems[i].impact);
    buffer_append_string(context, ") ");
    return docid < 3;
}

static void everything_can_be_listed(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"b a", "Kai b", "c Sb", "d"};
    struct buffer out = BUFFER_INIT;
    char *path = path_of(fixture, "hot");
    make_database(fixture, "hot", 1, texts, 4);
    assert_int_equal(xapian_all_terms(path, collect_term, &out, NULL), XAPIAN_OK);
    assert_string_equal(out.data, "Kai:1 Sb:1 a:1 b:2 c:1 d:1 ");
    buffer_clear(&out);
    assert_int_equal(xapian_all_documents(path, collect_document, &out, NULL), XAPIAN_OK);
    assert_string_equal(out.data, "1( a:20 b:10) 2( Kai:0 b:20) 3( c:10) ");
    buffer_release(&out);
    free(path);
}

/* ---- searching ---- */

static void operators(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {
        "alpha beta gamma Kai", "beta alpha gamma Kmusic", "gamma x y z alpha", "delta beta",
        "economy Kai",          "economic economist",
    };
    make_database(fixture, "hot", 11, texts, 6);
    char *path = path_of(fixture, "hot");
    const struct xapian_source source = {1, 0, path, 0};
    check_found(fixture, &source, term("alpha"), "13 12 11");
    check_found(fixture, &source, term("nowhere"), "");
    check_found(fixture, &source, pair(QUERY_AND, term("beta"), term("delta")), "14");
    check_found(fixture, &source, pair(QUERY_OR, term("delta"), term("economy")), "14 15");
    check_found(fixture, &source, pair(QUERY_AND_NOT, term("alpha"), term("beta")), "13");
    check_found(fixture, &source, pair(QUERY_FILTER, term("alpha"), term("Kai")), "11");
    check_found(fixture, &source, pair(QUERY_AND_MAYBE, term("gamma"), term("Kai")), "11 12 13");
    check_found(fixture, &source, pair(QUERY_PHRASE, term("alpha"), term("beta")), "11");
    check_found(fixture, &source, pair(QUERY_NEAR, term("alpha"), term("beta")), "11 12");
    check_found(fixture, &source, new_node(QUERY_ALL), "11 12 13 14 15 16");
    check_found(fixture, &source, new_node(QUERY_NOTHING), "");
    check_found(fixture, &source, term("Kai"), "11 15");
    check_found(fixture, &source, pair(QUERY_AND_NOT, new_node(QUERY_ALL), term("gamma")), "14 15 16");
    check_found(fixture, &source, wildcard("econom"), "16 15");
    check_found(fixture, &source, pair(QUERY_FILTER, term("beta"), wildcard("K")), "11 12");
    check_found(fixture, &source, wildcard("nothing"), "");
    free(path);
}

static void names_do_not_score(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"alpha Kai", "alpha", "beta"};
    make_database(fixture, "hot", 1, texts, 3);
    char *path = path_of(fixture, "hot");
    const struct xapian_source source = {1, 0, path, 0};
    const double expected = log(1 + (3 - 2 + 0.5) / (2 + 0.5)) * 10 / IMPACT_SCALE;
    struct query_node *queries[] = {term("alpha"), pair(QUERY_AND, term("alpha"), term("Kai")),
                                    pair(QUERY_OR, term("alpha"), term("Kai")),
                                    pair(QUERY_FILTER, term("alpha"), term("alpha"))};
    for (size_t i = 0; i < 4; i++) {
        struct xapian_search search = search_for(queries[i], &source, 1);
        run(fixture, &search);
        assert_int_equal(fixture->result.hits[0].docid, 1);
        assert_float_equal(fixture->result.hits[0].score, expected, 1e-6);
    }
    node_count = child_count = 0;
    free(path);
}

static void wildcards_take_the_most_frequent(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"pa", "pb", "pb pc", "pc", "pc", "pd"};
    make_database(fixture, "hot", 1, texts, 6);
    char *path = path_of(fixture, "hot");
    const struct xapian_source source = {1, 0, path, 0};
    static const size_t found[] = {0, 3, 4, 5, 6, 6};
    for (uint32_t expansions = 0; expansions < 6; expansions++) {
        struct xapian_search search = search_for(wildcard("p"), &source, 1);
        search.wildcard_expansions = expansions;
        run(fixture, &search);
        assert_int_equal(fixture->result.total, found[expansions]);
        node_count = child_count = 0;
    }
    free(path);
}

/* Three databases of 40 documents each whose docids grow by `step`, and one of all. */
static void make_three(struct fixture *fixture, uint32_t step, char *paths[4])
{
    static const char *const names[] = {"one", "two", "three", "all"};
    uint32_t docid = 0;
    for (size_t i = 0; i < 4; i++)
        paths[i] = path_of(fixture, names[i]);
    for (size_t i = 0; i < 3; i++) {
        struct xapian_writer *writer = new_writer(fixture, names[i]);
        for (uint32_t j = 0; j < 40; j++) {
            char text[100];
            docid += step;
            uint32_t n = (uint32_t)i * 40 + j;
            sprintf(text, "m%u d%u s%u%s t%u", n % 3, n % 10, n % 7,
                    n % 5 == 0 ? " alpha beta" : " beta x alpha", n / 30);
            assert_int_equal(add_words(writer, docid, text, NULL), XAPIAN_OK);
        }
        finish(writer, i);
    }
    const char *const sources[] = {paths[0], paths[1], paths[2]};
    if (xapian_compact(sources, 3, paths[3], &fixture->error) != XAPIAN_OK)
        fail_msg("%s", fixture->error.message);
}

static void check_same(struct fixture *fixture, const struct query_node *query, char *paths[4], bool exact)
{
    const struct xapian_source three[] = {{1, 0, paths[0], 0}, {2, 0, paths[1], 0}, {3, 0, paths[2], 0}};
    const struct xapian_source one = {4, 0, paths[3], 0};
    struct xapian_hit expected[10];
    for (size_t offset = 0; offset < 30; offset += 7) {
        struct xapian_search search = search_for(query, &one, 1);
        search.offset = offset;
        search.check_at_least = exact ? SIZE_MAX : 0;
        run(fixture, &search);
        size_t count = fixture->result.hit_count, total = fixture->result.total;
        memcpy(expected, fixture->result.hits, count * sizeof expected[0]);
        search.sources = three;
        search.source_count = 3;
        run(fixture, &search);
        assert_int_equal(fixture->result.hit_count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(fixture->result.hits[i].docid, expected[i].docid);
            assert_float_equal(fixture->result.hits[i].score, expected[i].score, 1e-5);
        }
        if (exact)
            assert_int_equal(fixture->result.total, total);
    }
}

static void check_three_against_one(struct fixture *fixture, uint32_t step)
{
    char *paths[4];
    make_three(fixture, step, paths);
    for (int exact = 0; exact < 2; exact++) {
        check_same(fixture, term("t0"), paths, exact);
        check_same(fixture, pair(QUERY_OR, term("m1"), term("d3")), paths, exact);
        check_same(fixture, pair(QUERY_AND, term("m1"), term("d3")), paths, exact);
        check_same(fixture, pair(QUERY_PHRASE, term("alpha"), term("beta")), paths, exact);
        check_same(fixture, pair(QUERY_OR, pair(QUERY_NEAR, term("alpha"), term("beta")), term("s3")), paths,
                   exact);
        if (step == 1) { /* else the frequency of all its terms together is estimated in another way */
            check_same(fixture, wildcard("s"), paths, exact);
            check_same(fixture, wildcard("t"), paths, exact); /* no database has all of them */
            check_same(fixture, wildcard("t3"), paths, exact);
        }
        check_same(fixture, wildcard("q"), paths, exact);
        check_same(fixture, pair(QUERY_AND_NOT, new_node(QUERY_ALL), term("d1")), paths, exact);
        node_count = child_count = 0;
    }
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

static void several_databases_are_as_one(void **state)
{
    check_three_against_one(*state, 1);
}

static void docids_too_large_for_interleaving(void **state)
{
    check_three_against_one(*state, UINT32_MAX / 121);
}

static void frequencies_are_summed(void **state)
{
    struct fixture *fixture = *state;
    char *paths[4];
    uint32_t frequency = 0;
    make_three(fixture, 1, paths);
    const struct xapian_source three[] = {{1, 0, paths[0], 0}, {2, 0, paths[1], 0}, {3, 0, paths[2], 0}};
    assert_int_equal(xapian_term_frequency(fixture->reader, three, 3, "m0", 2, &frequency, NULL), XAPIAN_OK);
    assert_int_equal(frequency, 40);
    xapian_reader_keep(fixture->reader, three + 1, 1);
    assert_int_equal(xapian_term_frequency(fixture->reader, three, 2, "m0", 2, &frequency, NULL), XAPIAN_OK);
    assert_int_equal(frequency, 27);
    assert_int_equal(xapian_term_frequency(fixture->reader, three, 0, "m0", 2, &frequency, NULL), XAPIAN_OK);
    assert_int_equal(frequency, 0);
    struct xapian_search search = search_for(term("m0"), three, 0);
    run(fixture, &search);
    assert_int_equal(fixture->result.total, 0);
    node_count = 0;
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

struct even {
    size_t asked;
    uint32_t last;
    bool take;
};

static bool accept_even(void *context, uint32_t docid)
{
    struct even *even = context;
    even->asked++;
    even->last = docid;
    return even->take && docid % 2 == 0;
}

static void the_caller_can_choose(void **state)
{
    struct fixture *fixture = *state;
    char *paths[4];
    make_three(fixture, 1, paths);
    const struct xapian_source three[] = {{1, 0, paths[0], 0}, {2, 0, paths[1], 0}, {3, 0, paths[2], 0}};
    struct even even = {.take = true};
    struct xapian_search search = search_for(term("m0"), three, 3); /* 1, 4, 7 … 118 */
    search.accept = accept_even;
    search.accept_context = &even;
    run(fixture, &search);
    assert_int_equal(even.asked, 40);
    assert_int_equal(fixture->result.hit_count, 10);
    assert_int_equal(fixture->result.total, 20);
    assert_true(fixture->result.total_exact);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(fixture->result.hits[i].docid % 2, 0);
    search.check_at_least = 0;
    search.limit = 50;
    run(fixture, &search);
    assert_int_equal(fixture->result.total, 20);
    assert_true(fixture->result.total_exact);
    search.limit = 3;
    run(fixture, &search);
    assert_int_equal(fixture->result.hit_count, 3);
    assert_true(fixture->result.total >= 3);
    node_count = 0;
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

/* Totals are exact up to what is to be checked at least, and may be estimates where more match for certain.
 */
static void totals_are_exact_up_to_a_limit(void **state)
{
    struct fixture *fixture = *state;
    char *paths[4];
    make_three(fixture, 1, paths);
    const struct xapian_source three[] = {{1, 0, paths[0], 0}, {2, 0, paths[1], 0}, {3, 0, paths[2], 0}};
    struct xapian_search search = search_for(pair(QUERY_OR, term("d1"), term("s2")), three, 3);
    search.limit = 2;
    for (search.check_at_least = 28; search.check_at_least <= 30; search.check_at_least++) {
        run(fixture, &search); /* 12 and 17, 28 together, of 120 */
        assert_int_equal(fixture->result.total, 28);
        assert_true(fixture->result.total_exact);
    }
    search.query = term("m0");
    for (size_t i = 0; i < 2; i++) {
        search.check_at_least = i == 0 ? 30 : 100; /* 40 */
        run(fixture, &search);
        assert_int_equal(fixture->result.hit_count, 2);
        assert_int_equal(fixture->result.total, 40);
        assert_true(fixture->result.total_exact);
    }
    search.query = pair(QUERY_OR, term("m0"), term("d1")); /* 40 and 12, 48 together */
    for (size_t i = 0; i < 2; i++) {
        search.check_at_least = i == 0 ? 10 : 50;
        run(fixture, &search);
        assert_true(fixture->result.total >= 40 && fixture->result.total <= 52);
        assert_true(i == 0 || (fixture->result.total_exact && fixture->result.total == 48));
    }
    node_count = 0;
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

static void unranked_searches_show_all(void **state)
{
    struct fixture *fixture = *state;
    char *paths[4];
    make_three(fixture, 1, paths);
    const struct xapian_source three[] = {{1, 0, paths[0], 0}, {2, 0, paths[1], 0}, {3, 0, paths[2], 0}};
    for (size_t limit = 0; limit < 2; limit++) {
        struct even even = {.take = false};
        struct xapian_search search = search_for(pair(QUERY_OR, term("m0"), term("m1")), three, 3);
        search.ranked = false;
        search.limit = limit;
        search.accept = accept_even;
        search.accept_context = &even;
        run(fixture, &search);
        assert_int_equal(even.asked, 80);
        assert_int_equal(even.last, 119);
        assert_int_equal(fixture->result.hit_count, 0);
        node_count = child_count = 0;
    }
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

/* Uses up the time of the search in its first call. */
struct waster {
    int64_t deadline;
    size_t asked;
};

static bool waste_time(void *context, uint32_t docid)
{
    struct waster *waster = context;
    (void)docid;
    waster->asked++;
    while (clock_now() <= waster->deadline)
        ;
    return true;
}

static void deadlines_stop_searches(void **state)
{
    struct fixture *fixture = *state;
    char *paths[4];
    make_three(fixture, 1, paths);
    const struct xapian_source three[] = {{1, 0, paths[0], 0}, {2, 0, paths[1], 0}, {3, 0, paths[2], 0}};
    for (int ranked = 0; ranked < 2; ranked++) {
        struct waster waster = {.deadline = clock_now() + 20 * NANOSECONDS_PER_MS};
        struct xapian_search search = search_for(term("beta"), three, 3);
        search.ranked = ranked;
        search.accept = waste_time;
        search.accept_context = &waster;
        search.deadline = waster.deadline;
        int status = xapian_search(fixture->reader, &search, &fixture->result, &fixture->error);
        assert_int_equal(status, XAPIAN_DEADLINE);
        assert_int_equal(fixture->error.code, ERROR_DEADLINE);
        assert_in_range(waster.asked, 1, 64);
        search.accept = NULL;
        assert_int_equal(xapian_search(fixture->reader, &search, &fixture->result, NULL), XAPIAN_DEADLINE);
        search.deadline = 0;
        run(fixture, &search);
        assert_int_equal(fixture->result.total, 120);
    }
    node_count = 0;
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

/* A tick in the weight: no decider is there, and scoring takes the time up. */
static void deadlines_stop_scoring(void **state)
{
    struct fixture *fixture = *state;
    struct xapian_writer *writer = new_writer(fixture, "hot");
    char *path = path_of(fixture, "hot");
    for (uint32_t docid = 1; docid <= 3000; docid++)
        assert_int_equal(add_words(writer, docid, "a b", NULL), XAPIAN_OK);
    finish(writer, 1);
    const struct xapian_source source = {1, 0, path, 0};
    struct query_node *query = new_node(QUERY_OR);
    query->child_count = 200;
    struct query_node *one = term("a");
    for (size_t i = 0; i < 200; i++)
        children[i] = one;
    struct xapian_search search = search_for(query, &source, 1);
    search.deadline = clock_now() + 2 * NANOSECONDS_PER_MS; /* 600,000 postings take longer */
    assert_int_equal(xapian_search(fixture->reader, &search, &fixture->result, NULL), XAPIAN_DEADLINE);
    node_count = child_count = 0;
    free(path);
}

/* ---- trouble ---- */

static void add_stale(struct xapian_writer *writer, uint32_t docid)
{
    char text[200];
    sprintf(text, "a b c one-of-a-kind-%u another-of-a-kind-%u", docid, docid);
    assert_int_equal(add_words(writer, docid, text, NULL), XAPIAN_OK);
}

static void stale_readers_say_so(void **state)
{
    struct fixture *fixture = *state;
    struct xapian_writer *writer = new_writer(fixture, "hot");
    char *path = path_of(fixture, "hot");
    struct xapian_source source = {1, 1, path, 0};
    uint32_t docid = 0;
    for (int i = 0; i < 500; i++)
        add_stale(writer, ++docid); /* so many that tables have more than one block */
    assert_int_equal(xapian_writer_commit(writer, docid, "", NULL), XAPIAN_OK);
    struct xapian_search search = search_for(pair(QUERY_AND, term("a"), term("b")), &source, 1);
    run(fixture, &search);
    int status = XAPIAN_OK;
    for (int commits = 0; commits < 100 && status == XAPIAN_OK; commits++) {
        add_stale(writer, ++docid);
        assert_int_equal(xapian_writer_commit(writer, docid, "", NULL), XAPIAN_OK);
        status = xapian_search(fixture->reader, &search, &fixture->result, &fixture->error);
    }
    assert_int_equal(status, XAPIAN_STALE);
    source.version = 2;
    run(fixture, &search);
    assert_int_equal(fixture->result.total, docid);
    add_stale(writer, ++docid);
    assert_int_equal(xapian_writer_commit(writer, docid, "", NULL), XAPIAN_OK);
    source.version = 3;
    run(fixture, &search);
    assert_int_equal(fixture->result.total, docid);
    xapian_writer_close(writer);
    node_count = child_count = 0;
    free(path);
}

static void overwrite(const char *path, off_t at, size_t length)
{
    char junk[8192];
    int file = open(path, O_WRONLY | O_CLOEXEC);
    memset(junk, 0xA5, sizeof junk);
    assert_true(file >= 0);
    for (size_t done = 0; done < length; done += sizeof junk)
        assert_int_equal(pwrite(file, junk, sizeof junk, at + (off_t)done), sizeof junk);
    close(file);
}

static void damage_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    char *paths[4];
    make_three(fixture, 1, paths);
    struct xapian_source source = {1, 0, paths[3], 0};
    struct xapian_search search = search_for(term("m0"), &source, 1);
    run(fixture, &search);
    overwrite(paths[3], 8192, 8 * 8192);
    source.key = 2;
    int status = xapian_search(fixture->reader, &search, &fixture->result, &fixture->error);
    assert_int_equal(status, XAPIAN_DAMAGED);
    assert_true(strlen(fixture->error.message) > 10);
    source.version = 1; /* might be a writer; but not twice */
    assert_int_equal(xapian_search(fixture->reader, &search, &fixture->result, NULL), XAPIAN_STALE);
    assert_int_equal(xapian_search(fixture->reader, &search, &fixture->result, NULL), XAPIAN_DAMAGED);
    source.version = 0;
    assert_int_equal(truncate(paths[3], 5000), 0);
    source.key = 3;
    assert_int_not_equal(xapian_search(fixture->reader, &search, &fixture->result, NULL), XAPIAN_OK);
    overwrite(paths[3], 0, 8192);
    source.key = 4;
    assert_int_not_equal(xapian_search(fixture->reader, &search, &fixture->result, NULL), XAPIAN_OK);
    source = (struct xapian_source){5, 0, "/nonexistent/place", 0};
    assert_int_equal(xapian_search(fixture->reader, &search, &fixture->result, NULL), XAPIAN_NOT_FOUND);
    source = (struct xapian_source){6, 0, paths[0], 0};
    run(fixture, &search);
    node_count = 0;
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

static void compaction_says_what_fails(void **state)
{
    struct fixture *fixture = *state;
    char *paths[4];
    make_three(fixture, 1, paths);
    const char *const missing[] = {"/nonexistent/place"};
    const char *const wrong_order[] = {paths[0], paths[0]};
    char *destination = path_of(fixture, "new");
    assert_int_equal(xapian_compact(missing, 1, destination, &fixture->error), XAPIAN_NOT_FOUND);
    assert_int_not_equal(xapian_compact(wrong_order, 2, destination, &fixture->error), XAPIAN_OK);
    free(destination);
    for (size_t i = 0; i < 4; i++)
        free(paths[i]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_committed_stays),
        TEST(a_database_has_one_writer),
        TEST(bad_documents_are_refused),
        TEST(a_failed_commit_closes_no_file_of_others),
        TEST(a_database_that_cannot_be_created),
        TEST(everything_can_be_listed),
        TEST(operators),
        TEST(names_do_not_score),
        TEST(wildcards_take_the_most_frequent),
        TEST(several_databases_are_as_one),
        TEST(docids_too_large_for_interleaving),
        TEST(frequencies_are_summed),
        TEST(the_caller_can_choose),
        TEST(totals_are_exact_up_to_a_limit),
        TEST(unranked_searches_show_all),
        TEST(deadlines_stop_searches),
        TEST(deadlines_stop_scoring),
        TEST(stale_readers_say_so),
        TEST(damage_is_an_error),
        TEST(compaction_says_what_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
