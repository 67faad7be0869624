#include "index/gazetteer.h"

#include "base/hash.h"
#include "text/analyse.h"
#include "text/tokenise.h"

#include <string.h>

/* Where a word begins and ends in `words`. */
struct word_start {
    uint32_t start;
    uint32_t end;
    uint32_t own_end; /* without a "'s" */
    bool first;       /* no name reaches from the word before into this one */
};

/* A name that stands in a text. */
struct match {
    uint32_t at;    /* its first word */
    uint32_t words; /* 0: a longer one stands in its way */
    uint32_t number;
};

void gazetteer_scratch_release(struct gazetteer_scratch *scratch)
{
    buffer_release(&scratch->words);
    buffer_release(&scratch->starts);
    buffer_release(&scratch->matches);
    buffer_release(&scratch->taken);
}

bool gazetteer_open(const struct image *image, uint32_t first_section, struct gazetteer *gazetteer)
{
    size_t count;
    gazetteer->numbers = image_section(image, first_section, sizeof(uint32_t), &count);
    return dictionary_open(image, first_section + 1, &gazetteer->sequences) &&
           dictionary_open(image, first_section + 1 + DICTIONARY_SECTIONS, &gazetteer->names) &&
           count == gazetteer->sequences.count;
}

/* ---- words ---- */

#define ABBREVIATION_BYTES                                                                                   \
    4 /* a full stop behind a word as short as this need not end a sentence: "St. Ives" */

enum separation {
    JOINED,    /* what may stand between two words of any name */
    SEPARATED, /* a comma, a quote, the end of a sentence: only between those of a name that is written so */
    APART      /* an empty line, or a word that was too long */
};

static enum separation separation_of(const char *text, const struct token *before, const struct token *token)
{
    size_t lines = 0;
    enum separation found = token->position == before->position + 1 ? JOINED : APART;
    for (size_t at = before->end; at < token->offset && found != APART; at++) {
        char c = text[at];
        lines += c == '\n';
        if (lines > 1)
            found = APART;
        else if (strchr(" \t\r\n-'/&+_.", c) == NULL || c == '\0' ||
                 (c == '.' && before->end - before->offset > ABBREVIATION_BYTES))
            found = SEPARATED;
    }
    return found;
}

static size_t without_possessive(const char *word, size_t length)
{
    return length > 2 && memcmp(word + length - 2, "'s", 2) == 0 ? length - 2 : length;
}

/* The words of a text, with a blank between them, a comma where they are separated; how many there are. False
 * for `*known` if there are characters whose words the tokeniser does not know; they separate those around
 * them. */
static size_t read_words(struct gazetteer_scratch *scratch, const char *text, size_t length, bool *known)
{
    struct tokeniser tokeniser;
    struct token token;
    struct token before = {.position = 0};
    size_t count = 0;
    bool first = true;
    *known = true;
    buffer_clear(&scratch->words);
    buffer_clear(&scratch->starts);
    tokeniser_init(&tokeniser, text, length);
    while (tokeniser_next(&tokeniser, &token) && token.position <= ANALYSE_WORDS_MAX) {
        if (token.ngram) {
            *known = false;
            first = true;
            continue;
        }
        enum separation separation = first ? APART : separation_of(text, &before, &token);
        if (count > 0)
            buffer_append_char(&scratch->words, separation == JOINED ? ' ' : ',');
        struct word_start word = {.start = (uint32_t)scratch->words.length, .first = separation == APART};
        buffer_append(&scratch->words, token.text, token.length);
        word.end = (uint32_t)scratch->words.length;
        word.own_end = word.start + (uint32_t)without_possessive(token.text, token.length);
        buffer_append(&scratch->starts, &word, sizeof word);
        before = token;
        first = false;
        count++;
    }
    return count;
}

static const struct word_start *starts_of(const struct gazetteer_scratch *scratch)
{
    return (const struct word_start *)(const void *)scratch->starts.data;
}

/* ---- finding ---- */

static uint32_t look_up(const struct gazetteer *gazetteer, const struct gazetteer_scratch *scratch,
                        uint32_t start, uint32_t end)
{
    const char *sequence = scratch->words.data + start;
    return dictionary_find(&gazetteer->sequences, sequence, end - start, hash_bytes(sequence, end - start));
}

/* Adds the name, if the entry is that of one. */
static bool add_match(const struct gazetteer *gazetteer, struct gazetteer_scratch *scratch, size_t at,
                      size_t end, uint32_t entry)
{
    if (entry == DICTIONARY_NONE || gazetteer->numbers[entry] == DICTIONARY_NONE)
        return false;
    struct match match = {(uint32_t)at, (uint32_t)(end - at), gazetteer->numbers[entry]};
    buffer_append(&scratch->matches, &match, sizeof match);
    return true;
}

/* All names that begin with a word. The "'s" of a name belongs to it, that of a text may not. */
static void match_from(const struct gazetteer *gazetteer, struct gazetteer_scratch *scratch, size_t at,
                       size_t count)
{
    const struct word_start *words = starts_of(scratch);
    for (size_t i = at; i < count && i < at + GAZETTEER_WORDS_MAX && (i == at || !words[i].first); i++) {
        uint32_t entry = look_up(gazetteer, scratch, words[at].start, words[i].end);
        if (!add_match(gazetteer, scratch, at, i + 1, entry) && words[i].own_end != words[i].end)
            add_match(gazetteer, scratch, at, i + 1,
                      look_up(gazetteer, scratch, words[at].start, words[i].own_end));
        if (entry == DICTIONARY_NONE)
            break;
    }
}

static bool is_free(const struct gazetteer_scratch *scratch, const struct match *match)
{
    return memchr(scratch->taken.data + match->at, 1, match->words) == NULL;
}

/* Of names that overlap the one with the most words stays, of equally long ones the first. Matches are in the
 * order of their first words. */
static void resolve_overlaps(struct gazetteer_scratch *scratch, size_t word_count)
{
    struct match *matches = (struct match *)(void *)scratch->matches.data;
    size_t count = scratch->matches.length / sizeof *matches;
    buffer_clear(&scratch->taken);
    for (size_t i = 0; i < word_count; i++)
        buffer_append_char(&scratch->taken, 0);
    for (uint32_t words = GAZETTEER_WORDS_MAX; words > 0; words--) {
        for (size_t i = 0; i < count; i++) {
            struct match *match = &matches[i];
            if (match->words != words)
                continue;
            if (is_free(scratch, match))
                memset(scratch->taken.data + match->at, 1, words);
            else
                match->words = 0;
        }
    }
}

void gazetteer_find(const struct gazetteer *gazetteer, struct gazetteer_scratch *scratch, const char *text,
                    size_t length, gazetteer_function each, void *context)
{
    bool known;
    if (gazetteer->sequences.count == 0 || length == 0)
        return;
    size_t word_count = read_words(scratch, text, length, &known);
    buffer_clear(&scratch->matches);
    for (size_t at = 0; at < word_count; at++)
        match_from(gazetteer, scratch, at, word_count);
    const struct match *matches = (const struct match *)(const void *)scratch->matches.data;
    size_t count = scratch->matches.length / sizeof *matches;
    if (count > 0)
        resolve_overlaps(scratch, word_count);
    for (size_t i = 0; i < count; i++) {
        if (matches[i].words == 0)
            continue;
        struct gazetteer_name name;
        name.term = dictionary_term(&gazetteer->names, matches[i].number, &name.length);
        name.display = dictionary_display(&gazetteer->names, matches[i].number, &name.display_length);
        name.kind = term_name_kind(name.term, name.length);
        each(context, &name);
    }
}

/* ---- building ---- */

void gazetteer_builder_init(struct gazetteer_builder *builder, const struct language *language,
                            uint32_t (*stem_frequency)(void *, const char *, size_t), void *context)
{
    memset(builder, 0, sizeof *builder);
    dictionary_builder_init(&builder->sequences);
    dictionary_builder_init(&builder->names);
    builder->language = language;
    builder->stemmers = stemmer_set_new();
    builder->stem_frequency = stem_frequency;
    builder->context = context;
}

void gazetteer_builder_release(struct gazetteer_builder *builder)
{
    dictionary_builder_release(&builder->sequences);
    dictionary_builder_release(&builder->names);
    buffer_release(&builder->numbers);
    buffer_release(&builder->frequencies);
    gazetteer_scratch_release(&builder->scratch);
    stemmer_set_free(builder->stemmers);
}

/* Characters that are not digits or signs of ASCII. */
static size_t count_letters(const char *word, size_t length)
{
    size_t letters = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)word[i];
        letters += (c >= 'a' && c <= 'z') || (c >= 0xC0);
    }
    return letters;
}

static bool is_ordinary(const struct gazetteer_builder *builder, const char *word, size_t length,
                        uint32_t frequency)
{
    size_t stem_length;
    const char *stem = stemmer_stem(builder->stemmers, builder->language, word, length, &stem_length);
    uint64_t stems = builder->stem_frequency(builder->context, stem, stem_length);
    return stems > (uint64_t)GAZETTEER_ORDINARY * (frequency > 0 ? frequency : 1);
}

static bool has_telling_word(const struct gazetteer_builder *builder, size_t count)
{
    const struct word_start *words = starts_of(&builder->scratch);
    for (size_t i = 0; i < count; i++)
        if (!language_is_stop_word(builder->language, builder->scratch.words.data + words[i].start,
                                   words[i].end - words[i].start))
            return true;
    return false;
}

/* Whether a text that has these words means the name. */
static bool is_trusted(const struct gazetteer_builder *builder, size_t count, uint32_t frequency)
{
    if (count == 0 || count > GAZETTEER_WORDS_MAX || !has_telling_word(builder, count))
        return false;
    const char *word = builder->scratch.words.data;
    size_t length = builder->scratch.words.length;
    return count > 1 || (count_letters(word, length) >= GAZETTEER_LETTERS_MIN &&
                         !is_ordinary(builder, word, length, frequency));
}

/* The entry of a sequence, made if there is none. */
static uint32_t add_sequence(struct gazetteer_builder *builder, const char *sequence, size_t length)
{
    const uint32_t none = DICTIONARY_NONE;
    const uint32_t zero = 0;
    uint32_t next = builder->sequences.count;
    uint32_t entry = dictionary_builder_add(&builder->sequences, sequence, length, "", 0);
    if (entry == next) {
        buffer_append(&builder->numbers, &none, sizeof none);
        buffer_append(&builder->frequencies, &zero, sizeof zero);
    }
    return entry;
}

void gazetteer_builder_add(struct gazetteer_builder *builder, const struct gazetteer_name *name,
                           uint32_t frequency)
{
    size_t prefix = strlen(term_fields[name->kind].prefix) + 1; /* and its colon */
    bool known;
    size_t count = read_words(&builder->scratch, name->term + prefix, name->length - prefix, &known);
    if (!known || !is_trusted(builder, count, frequency))
        return;
    const struct word_start *words = starts_of(&builder->scratch);
    uint32_t entry = 0;
    for (size_t i = 0; i < count; i++)
        entry = add_sequence(builder, builder->scratch.words.data, words[i].end);
    uint32_t *numbers = (uint32_t *)(void *)builder->numbers.data;
    uint32_t *frequencies = (uint32_t *)(void *)builder->frequencies.data;
    if (numbers[entry] != DICTIONARY_NONE && frequencies[entry] >= frequency)
        return;
    numbers[entry] = dictionary_builder_add(&builder->names, name->term, name->length, name->display,
                                            name->display_length);
    frequencies[entry] = frequency;
}

void gazetteer_builder_write(struct gazetteer_builder *builder, struct image_builder *image)
{
    image_builder_add(image, builder->numbers.data, builder->numbers.length);
    dictionary_builder_write(&builder->sequences, image);
    dictionary_builder_write(&builder->names, image);
}
