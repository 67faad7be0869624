/*
 * generate.c - writes made-up articles as NDJSON: usage: generate [--articles N] [--seed S] [--words N]
 *
 * The same numbers give the same bytes. Words follow Zipf's law over a vocabulary of 120,000; each article
 * belongs to one of 800 topics (or to two), which have words, two-word names, people, organizations, places
 * and tags of their own, so that there is something to search and to relate. Articles come in the order of
 * their dates, over three years.
 */
#include "base/buffer.h"
#include "base/date.h"
#include "base/memory.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOCABULARY 120000
#define TOPICS 800
#define TOPIC_WORDS 80
#define TOPIC_PHRASES 12
#define TOPIC_PEOPLE 12
#define TOPIC_ORGANIZATIONS 6
#define TOPIC_PLACES 5
#define TOPIC_TAGS 5
#define PEOPLE 20000
#define ORGANIZATIONS 5000
#define PLACES 1500
#define TAGS 2500
#define FIRST_DAY INT64_C(1672531200) /* 2023-01-01 */
#define SECONDS_COVERED (INT64_C(3) * 365 * 86400)

/* ---- chance ---- */

static uint64_t state; /* splitmix64 */

static uint64_t next_random(void)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(((next_random() >> 32) * limit) >> 32);
}

static bool chance(uint32_t percent)
{
    return below(100) < percent;
}

/* Numbers 0 to count - 1, number k with a probability in proportion to 1 / (k + shift), by Walker's alias
 * method. */
struct zipf {
    uint32_t count;
    uint32_t *threshold; /* out of 2^32 */
    uint32_t *alias;
};

static void zipf_init(struct zipf *zipf, uint32_t count, double shift)
{
    double *share = memory_zeroed(count, sizeof *share);
    uint32_t *small = memory_zeroed(count, sizeof *small);
    uint32_t *large = memory_zeroed(count, sizeof *large);
    size_t smalls = 0;
    size_t larges = 0;
    double sum = 0;
    *zipf =
        (struct zipf){count, memory_zeroed(count, sizeof(uint32_t)), memory_zeroed(count, sizeof(uint32_t))};
    for (uint32_t k = 0; k < count; k++)
        sum += share[k] = 1.0 / (k + shift);
    for (uint32_t k = 0; k < count; k++) {
        share[k] *= count / sum;
        if (share[k] < 1)
            small[smalls++] = k;
        else
            large[larges++] = k;
    }
    while (smalls > 0 && larges > 0) {
        uint32_t low = small[--smalls];
        uint32_t high = large[larges - 1];
        zipf->threshold[low] = (uint32_t)(share[low] * (double)UINT32_MAX);
        zipf->alias[low] = high;
        share[high] -= 1 - share[low];
        if (share[high] < 1)
            small[smalls++] = large[--larges];
    }
    while (smalls + larges > 0) {
        uint32_t left = larges > 0 ? large[--larges] : small[--smalls];
        zipf->threshold[left] = UINT32_MAX;
        zipf->alias[left] = left;
    }
    free(share);
    free(small);
    free(large);
}

static uint32_t zipf_next(const struct zipf *zipf)
{
    uint64_t random = next_random();
    uint32_t k = (uint32_t)(((random >> 32) * zipf->count) >> 32);
    return (uint32_t)random <= zipf->threshold[k] ? k : zipf->alias[k];
}

/* ---- words and names ---- */

static const char *const function_words[] = {
    "the",   "of",    "to",    "and",  "a",    "in",    "is",    "for",  "that", "was",
    "on",    "with",  "it",    "as",   "be",   "by",    "are",   "at",   "this", "not",
    "but",   "or",    "their", "an",   "if",   "they",  "such",  "will", "he",   "said",
    "has",   "from",  "have",  "were", "more", "who",   "which", "new",  "had",  "been",
    "would", "about", "we",    "his",  "her",  "after", "than",  "also", "its",  "year"};
#define FUNCTION_WORDS (sizeof function_words / sizeof *function_words)

static const char *const onsets[] = {"b",  "c",  "d",  "f",  "g",  "h",  "j",  "k",  "l",  "m",
                                     "n",  "p",  "r",  "s",  "t",  "v",  "w",  "br", "cl", "cr",
                                     "dr", "fl", "gr", "pl", "pr", "sh", "st", "th", "tr", "ch"};
static const char *const vowels[] = {"a", "e", "i", "o", "u", "ai", "ea", "ou"};
static const char *const codas[] = {"", "n", "r", "l", "m", "nd", "rk", "st", "ck", "x"};
#define SYLLABLES ((uint32_t)(sizeof onsets / sizeof *onsets * (sizeof vowels / sizeof *vowels)))

/* A word for each number: open syllables in base SYLLABLES, then one coda. No two numbers give the same word
 * except where a coda and the next onset run together, which does no harm. */
static void append_word(struct buffer *out, uint32_t number)
{
    uint32_t coda = number % 10;
    uint32_t rest = number / 10 + SYLLABLES / 8;
    do {
        uint32_t syllable = (rest * 97 + 13) % SYLLABLES;
        buffer_append_string(out, onsets[syllable / (sizeof vowels / sizeof *vowels)]);
        buffer_append_string(out, vowels[syllable % (sizeof vowels / sizeof *vowels)]);
        rest /= SYLLABLES;
    } while (rest > 0);
    buffer_append_string(out, codas[coda]);
}

static char *words[VOCABULARY];
static char *people[PEOPLE];
static char *organizations[ORGANIZATIONS];
static char *places[PLACES];
static char *tags[TAGS];

static char *capitalised(uint32_t number)
{
    struct buffer word = BUFFER_INIT;
    append_word(&word, number);
    word.data[0] = (char)(word.data[0] - 'a' + 'A');
    return buffer_steal(&word);
}

static char *two_parts(uint32_t first, const char *second)
{
    struct buffer name = BUFFER_INIT;
    char *part = capitalised(first);
    buffer_printf(&name, "%s %s", part, second);
    free(part);
    return buffer_steal(&name);
}

static void make_names(void)
{
    static const char *const forms[] = {"Group", "Institute",   "Party",  "Bank",
                                        "Union", "Corporation", "Council"};
    for (uint32_t i = 0; i < VOCABULARY; i++) {
        struct buffer word = BUFFER_INIT;
        if (i < FUNCTION_WORDS)
            buffer_append_string(&word, function_words[i]);
        else
            append_word(&word, i);
        words[i] = buffer_steal(&word);
    }
    for (uint32_t i = 0; i < PEOPLE; i++) {
        char *family = capitalised(200000 + i);
        people[i] = two_parts(1000000 + i % 900, family);
        free(family);
    }
    for (uint32_t i = 0; i < ORGANIZATIONS; i++)
        organizations[i] = two_parts(300000 + i, forms[i % (sizeof forms / sizeof *forms)]);
    for (uint32_t i = 0; i < PLACES; i++)
        places[i] = capitalised(400000 + i);
    for (uint32_t i = 0; i < TAGS; i++)
        tags[i] = words[FUNCTION_WORDS + 40 + i * 7];
}

/* ---- topics ---- */

struct topic {
    uint32_t words[TOPIC_WORDS];
    uint32_t phrases[TOPIC_PHRASES][2];
    uint32_t people[TOPIC_PEOPLE];
    uint32_t organizations[TOPIC_ORGANIZATIONS];
    uint32_t places[TOPIC_PLACES];
    uint32_t tags[TOPIC_TAGS];
};

static struct topic topics[TOPICS];
static struct zipf vocabulary;
static struct zipf topic_choice;
static struct zipf word_choice;
static struct zipf tag_choice;
static struct zipf place_choice;

/* A word of middling rank: topics share them, as real ones do. */
static uint32_t topical_word(void)
{
    double rank = 300.0 * pow(150.0, (double)below(1000000) / 1e6);
    return (uint32_t)rank;
}

static void make_topics(void)
{
    for (uint32_t i = 0; i < TOPICS; i++) {
        struct topic *topic = &topics[i];
        for (int k = 0; k < TOPIC_WORDS; k++)
            topic->words[k] = topical_word();
        for (int k = 0; k < TOPIC_PHRASES; k++) {
            topic->phrases[k][0] = topic->words[below(TOPIC_WORDS)];
            topic->phrases[k][1] = topic->words[below(TOPIC_WORDS)];
        }
        for (int k = 0; k < TOPIC_PEOPLE; k++)
            topic->people[k] = below(PEOPLE);
        for (int k = 0; k < TOPIC_ORGANIZATIONS; k++)
            topic->organizations[k] = below(ORGANIZATIONS);
        for (int k = 0; k < TOPIC_PLACES; k++)
            topic->places[k] = zipf_next(&place_choice);
        for (int k = 0; k < TOPIC_TAGS; k++)
            topic->tags[k] = zipf_next(&tag_choice);
    }
}

/* ---- articles ---- */

/* What one article mentions. */
struct mentions {
    const struct topic *topics[2];
    uint32_t people[4];
    uint32_t people_count;
    uint32_t organizations[3];
    uint32_t organization_count;
    uint32_t places[2];
    uint32_t place_count;
};

static const struct topic *topic_of(const struct mentions *mentions)
{
    return mentions->topics[chance(30)];
}

static void choose_mentions(struct mentions *mentions)
{
    mentions->topics[0] = &topics[zipf_next(&topic_choice)];
    mentions->topics[1] = chance(20) ? &topics[zipf_next(&topic_choice)] : mentions->topics[0];
    mentions->people_count = below(5);
    mentions->organization_count = below(4);
    mentions->place_count = below(3);
    for (uint32_t i = 0; i < mentions->people_count; i++)
        mentions->people[i] = chance(80) ? topic_of(mentions)->people[below(TOPIC_PEOPLE)] : below(PEOPLE);
    for (uint32_t i = 0; i < mentions->organization_count; i++)
        mentions->organizations[i] =
            chance(80) ? topic_of(mentions)->organizations[below(TOPIC_ORGANIZATIONS)] : below(ORGANIZATIONS);
    for (uint32_t i = 0; i < mentions->place_count; i++)
        mentions->places[i] =
            chance(70) ? topic_of(mentions)->places[below(TOPIC_PLACES)] : zipf_next(&place_choice);
}

static void append_inflected(struct buffer *out, uint32_t word)
{
    static const char *const endings[] = {"s", "ed", "ing", "s"};
    buffer_append_string(out, words[word]);
    if (word >= FUNCTION_WORDS && chance(15))
        buffer_append_string(out, endings[below(4)]);
}

/* One to two words; returns how many. */
static uint32_t append_some_words(struct buffer *out, const struct mentions *mentions, uint32_t topical)
{
    const struct topic *topic = topic_of(mentions);
    if (!chance(topical)) {
        append_inflected(out, zipf_next(&vocabulary));
        return 1;
    }
    uint32_t kind = below(100);
    if (kind < 6) {
        const uint32_t *phrase = topic->phrases[below(TOPIC_PHRASES)];
        buffer_printf(out, "%s %s", words[phrase[0]], words[phrase[1]]);
        return 2;
    }
    if (kind < 10 && mentions->people_count > 0) {
        buffer_append_string(out, people[mentions->people[below(mentions->people_count)]]);
        return 2;
    }
    if (kind < 12 && mentions->organization_count > 0) {
        buffer_append_string(out,
                             organizations[mentions->organizations[below(mentions->organization_count)]]);
        return 2;
    }
    if (kind < 14 && mentions->place_count > 0) {
        buffer_append_string(out, places[mentions->places[below(mentions->place_count)]]);
        return 1;
    }
    append_inflected(out, topic->words[zipf_next(&word_choice)]);
    return 1;
}

static void append_text(struct buffer *out, const struct mentions *mentions, uint32_t length,
                        uint32_t topical)
{
    uint32_t sentence = 8 + below(16);
    size_t start = out->length;
    for (uint32_t written = 0, in_sentence = 0; written < length;) {
        size_t at = out->length;
        uint32_t count = append_some_words(out, mentions, topical);
        if (in_sentence == 0 && out->data[at] >= 'a' && out->data[at] <= 'z')
            out->data[at] = (char)(out->data[at] - 'a' + 'A');
        written += count;
        in_sentence += count;
        if (in_sentence >= sentence && written < length) {
            buffer_append_char(out, '.');
            in_sentence = 0;
            sentence = 8 + below(16);
        }
        buffer_append_char(out, ' ');
    }
    if (out->length > start)
        out->data[--out->length] = '\0';
}

static void append_list(struct buffer *out, const char *key, char *const *names, const uint32_t *numbers,
                        uint32_t count)
{
    if (count == 0)
        return;
    buffer_printf(out, ", \"%s\": [", key);
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(out, "%s\"%s\"", i > 0 ? ", " : "", names[numbers[i]]);
    buffer_append_char(out, ']');
}

static void append_labels(struct buffer *out, const struct mentions *mentions)
{
    static const char *const categories[] = {"World",  "Politics", "Business", "Technology", "Science",
                                             "Sports", "Culture",  "Health",   "Travel",     "Opinion"};
    static const char *const sentiments[] = {"neutral", "positive", "negative", "neutral"};
    uint32_t chosen[4];
    uint32_t count = 1 + below(4);
    for (uint32_t i = 0; i < count; i++)
        chosen[i] = chance(80) ? topic_of(mentions)->tags[below(TOPIC_TAGS)] : zipf_next(&tag_choice);
    append_list(out, "tags", tags, chosen, count);
    append_list(out, "people", people, mentions->people, mentions->people_count);
    append_list(out, "organizations", organizations, mentions->organizations, mentions->organization_count);
    append_list(out, "places", places, mentions->places, mentions->place_count);
    buffer_printf(
        out, ", \"category\": \"%s\"",
        categories[(size_t)(mentions->topics[0] - topics) % (sizeof categories / sizeof *categories)]);
    buffer_printf(out, ", \"sentiment\": \"%s\"", sentiments[below(4)]);
}

static void append_article(struct buffer *out, uint32_t number, uint32_t total, uint32_t mean_words)
{
    struct mentions mentions;
    char date[DATE_TEXT_SIZE];
    choose_mentions(&mentions);
    buffer_printf(out, "{\"id\": \"g%06u\", \"url\": \"https://news.example/g%06u\", \"title\": \"", number,
                  number);
    append_text(out, &mentions, 6 + below(7), 70);
    buffer_append_string(out, "\", \"summary\": \"");
    append_text(out, &mentions, 15 + below(15), 45);
    buffer_append_string(out, ".\", \"body\": \"");
    /* the mean of two dice is the mean wanted; few articles are very short or very long */
    append_text(out, &mentions,
                mean_words / 4 + below(mean_words * 3 / 4 + 1) + below(mean_words * 3 / 4 + 1), 35);
    buffer_append_string(out, ".\"");
    append_labels(out, &mentions);
    int64_t when = FIRST_DAY + SECONDS_COVERED * number / total + below(3600);
    buffer_printf(out, ", \"source\": \"Source %u\", \"language\": \"en\", \"published\": \"%s\"", below(40),
                  date_format(date, when));
    buffer_printf(out, ", \"views\": %u}\n",
                  (uint32_t)(20.0 / (((double)below(1000000) + 1) / 1e6)) % 1000000);
}

int main(int count, char **arguments)
{
    static const struct option names[] = {{"articles", required_argument, NULL, 'a'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"words", required_argument, NULL, 'w'},
                                          {NULL, 0, NULL, 0}};
    uint32_t articles = 200000;
    uint32_t mean_words = 260; /* with summary and title about 290 */
    int name;
    state = 1;
    while ((name = getopt_long(count, arguments, "", names, NULL)) != -1) {
        switch (name) {
        case 'a':
            articles = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            state = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            mean_words = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        default:
            fputs("usage: generate [--articles N] [--seed S] [--words MEAN]\n", stderr);
            return 2;
        }
    }
    zipf_init(&vocabulary, VOCABULARY, 2.7);
    zipf_init(&topic_choice, TOPICS, 20);
    zipf_init(&word_choice, TOPIC_WORDS, 3);
    zipf_init(&tag_choice, TAGS, 3);
    zipf_init(&place_choice, PLACES, 5);
    make_names();
    make_topics();
    struct buffer out = BUFFER_INIT;
    for (uint32_t i = 0; i < articles; i++) {
        append_article(&out, i, articles, mean_words);
        if (out.length > 1 << 20 || i + 1 == articles) {
            if (fwrite(out.data, 1, out.length, stdout) != out.length) {
                perror("generate");
                return 1;
            }
            buffer_clear(&out);
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
