#include "text/language.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/normalise.h"

#include <libstemmer.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct language {
    char code[3];
    const char *algorithm;  /* of libstemmer; NULL: none */
    const char *stop_words; /* normalised, each between blanks; NULL: none */
    const char *elided;     /* what an apostrophe joins to the next word ("l'", "d'"), each between blanks */
};

#define ELIDED_FRENCH " l d j m t s n c qu jusqu lorsqu puisqu quoiqu "
#define ELIDED_ITALIAN " l d c un all dall dell nell sull coll quell quest "
#define ELIDED_CATALAN " l d m n s t "

/* Lucene's 33. */
#define STOP_ENGLISH                                                                                         \
    " a an and are as at be but by for if in into is it no not of on or such that the their then there "     \
    "these they "                                                                                            \
    "this to was will with "
#define STOP_GERMAN                                                                                          \
    " der die das und in den von zu mit sich des auf fur ist im dem nicht ein eine als auch es an er sie "   \
    "aus bei "
#define STOP_FRENCH                                                                                          \
    " le la les de des du un une et en a au aux que qui dans pour par sur ce il elle est ne pas avec se "    \
    "plus "
#define STOP_SPANISH " el la los las de del y en un una que a al por con para se su es no lo como mas o "
#define STOP_ITALIAN " il lo la i gli le di del della e in un una che a al per con si da dei non sono ha "
#define STOP_PORTUGUESE " o a os as de do da dos das e em no na um uma que para por com se nao ao mais "
#define STOP_DUTCH " de het een en van in op te dat die is voor met zijn niet aan er om ook als bij naar "
#define STOP_SWEDISH " och i att det som en pa ar av for med den till inte har de ett om var han "
/* Danish and Norwegian ø stays: it is a letter, not an o with a mark; å is not. */
#define STOP_DANISH " og i at det en den til er som pa de med for af der ikke et har han var om "
#define STOP_NORWEGIAN " og i det pa som er en til av for at med har de ikke den et han om var seg "
#define STOP_FINNISH " ja on ei se etta oli han joka mutta myos kuin ovat tai niin ole ollut "
#define STOP_RUSSIAN " и в не на что с по а как к из у о за от это его для же но он до "

/* Every code of ISO 639-1, in order. */
static const struct language languages[] = {
    {"aa", NULL, NULL, NULL},
    {"ab", NULL, NULL, NULL},
    {"ae", NULL, NULL, NULL},
    {"af", NULL, NULL, NULL},
    {"ak", NULL, NULL, NULL},
    {"am", NULL, NULL, NULL},
    {"an", NULL, NULL, NULL},
    {"ar", "arabic", NULL, NULL},
    {"as", NULL, NULL, NULL},
    {"av", NULL, NULL, NULL},
    {"ay", NULL, NULL, NULL},
    {"az", NULL, NULL, NULL},
    {"ba", NULL, NULL, NULL},
    {"be", NULL, NULL, NULL},
    {"bg", NULL, NULL, NULL},
    {"bh", NULL, NULL, NULL},
    {"bi", NULL, NULL, NULL},
    {"bm", NULL, NULL, NULL},
    {"bn", NULL, NULL, NULL},
    {"bo", NULL, NULL, NULL},
    {"br", NULL, NULL, NULL},
    {"bs", "serbian", NULL, NULL},
    {"ca", "catalan", NULL, ELIDED_CATALAN},
    {"ce", NULL, NULL, NULL},
    {"ch", NULL, NULL, NULL},
    {"co", NULL, NULL, NULL},
    {"cr", NULL, NULL, NULL},
    {"cs", NULL, NULL, NULL},
    {"cu", NULL, NULL, NULL},
    {"cv", NULL, NULL, NULL},
    {"cy", NULL, NULL, NULL},
    {"da", "danish", STOP_DANISH, NULL},
    {"de", "german", STOP_GERMAN, NULL},
    {"dv", NULL, NULL, NULL},
    {"dz", NULL, NULL, NULL},
    {"ee", NULL, NULL, NULL},
    {"el", "greek", NULL, NULL},
    {"en", "english", STOP_ENGLISH, NULL},
    {"eo", NULL, NULL, NULL},
    {"es", "spanish", STOP_SPANISH, NULL},
    {"et", NULL, NULL, NULL},
    {"eu", "basque", NULL, NULL},
    {"fa", NULL, NULL, NULL},
    {"ff", NULL, NULL, NULL},
    {"fi", "finnish", STOP_FINNISH, NULL},
    {"fj", NULL, NULL, NULL},
    {"fo", NULL, NULL, NULL},
    {"fr", "french", STOP_FRENCH, ELIDED_FRENCH},
    {"fy", NULL, NULL, NULL},
    {"ga", "irish", NULL, NULL},
    {"gd", NULL, NULL, NULL},
    {"gl", NULL, NULL, NULL},
    {"gn", NULL, NULL, NULL},
    {"gu", NULL, NULL, NULL},
    {"gv", NULL, NULL, NULL},
    {"ha", NULL, NULL, NULL},
    {"he", NULL, NULL, NULL},
    {"hi", "hindi", NULL, NULL},
    {"ho", NULL, NULL, NULL},
    {"hr", "serbian", NULL, NULL},
    {"ht", NULL, NULL, NULL},
    {"hu", "hungarian", NULL, NULL},
    {"hy", "armenian", NULL, NULL},
    {"hz", NULL, NULL, NULL},
    {"ia", NULL, NULL, NULL},
    {"id", "indonesian", NULL, NULL},
    {"ie", NULL, NULL, NULL},
    {"ig", NULL, NULL, NULL},
    {"ii", NULL, NULL, NULL},
    {"ik", NULL, NULL, NULL},
    {"io", NULL, NULL, NULL},
    {"is", NULL, NULL, NULL},
    {"it", "italian", STOP_ITALIAN, ELIDED_ITALIAN},
    {"iu", NULL, NULL, NULL},
    {"ja", NULL, NULL, NULL},
    {"jv", NULL, NULL, NULL},
    {"ka", NULL, NULL, NULL},
    {"kg", NULL, NULL, NULL},
    {"ki", NULL, NULL, NULL},
    {"kj", NULL, NULL, NULL},
    {"kk", NULL, NULL, NULL},
    {"kl", NULL, NULL, NULL},
    {"km", NULL, NULL, NULL},
    {"kn", NULL, NULL, NULL},
    {"ko", NULL, NULL, NULL},
    {"kr", NULL, NULL, NULL},
    {"ks", NULL, NULL, NULL},
    {"ku", NULL, NULL, NULL},
    {"kv", NULL, NULL, NULL},
    {"kw", NULL, NULL, NULL},
    {"ky", NULL, NULL, NULL},
    {"la", NULL, NULL, NULL},
    {"lb", NULL, NULL, NULL},
    {"lg", NULL, NULL, NULL},
    {"li", NULL, NULL, NULL},
    {"ln", NULL, NULL, NULL},
    {"lo", NULL, NULL, NULL},
    {"lt", "lithuanian", NULL, NULL},
    {"lu", NULL, NULL, NULL},
    {"lv", NULL, NULL, NULL},
    {"mg", NULL, NULL, NULL},
    {"mh", NULL, NULL, NULL},
    {"mi", NULL, NULL, NULL},
    {"mk", NULL, NULL, NULL},
    {"ml", NULL, NULL, NULL},
    {"mn", NULL, NULL, NULL},
    {"mr", NULL, NULL, NULL},
    {"ms", NULL, NULL, NULL},
    {"mt", NULL, NULL, NULL},
    {"my", NULL, NULL, NULL},
    {"na", NULL, NULL, NULL},
    {"nb", "norwegian", STOP_NORWEGIAN, NULL},
    {"nd", NULL, NULL, NULL},
    {"ne", "nepali", NULL, NULL},
    {"ng", NULL, NULL, NULL},
    {"nl", "dutch", STOP_DUTCH, NULL},
    {"nn", "norwegian", STOP_NORWEGIAN, NULL},
    {"no", "norwegian", STOP_NORWEGIAN, NULL},
    {"nr", NULL, NULL, NULL},
    {"nv", NULL, NULL, NULL},
    {"ny", NULL, NULL, NULL},
    {"oc", NULL, NULL, NULL},
    {"oj", NULL, NULL, NULL},
    {"om", NULL, NULL, NULL},
    {"or", NULL, NULL, NULL},
    {"os", NULL, NULL, NULL},
    {"pa", NULL, NULL, NULL},
    {"pi", NULL, NULL, NULL},
    {"pl", NULL, NULL, NULL},
    {"ps", NULL, NULL, NULL},
    {"pt", "portuguese", STOP_PORTUGUESE, NULL},
    {"qu", NULL, NULL, NULL},
    {"rm", NULL, NULL, NULL},
    {"rn", NULL, NULL, NULL},
    {"ro", "romanian", NULL, NULL},
    {"ru", "russian", STOP_RUSSIAN, NULL},
    {"rw", NULL, NULL, NULL},
    {"sa", NULL, NULL, NULL},
    {"sc", NULL, NULL, NULL},
    {"sd", NULL, NULL, NULL},
    {"se", NULL, NULL, NULL},
    {"sg", NULL, NULL, NULL},
    {"si", NULL, NULL, NULL},
    {"sk", NULL, NULL, NULL},
    {"sl", NULL, NULL, NULL},
    {"sm", NULL, NULL, NULL},
    {"sn", NULL, NULL, NULL},
    {"so", NULL, NULL, NULL},
    {"sq", NULL, NULL, NULL},
    {"sr", "serbian", NULL, NULL},
    {"ss", NULL, NULL, NULL},
    {"st", NULL, NULL, NULL},
    {"su", NULL, NULL, NULL},
    {"sv", "swedish", STOP_SWEDISH, NULL},
    {"sw", NULL, NULL, NULL},
    {"ta", "tamil", NULL, NULL},
    {"te", NULL, NULL, NULL},
    {"tg", NULL, NULL, NULL},
    {"th", NULL, NULL, NULL},
    {"ti", NULL, NULL, NULL},
    {"tk", NULL, NULL, NULL},
    {"tl", NULL, NULL, NULL},
    {"tn", NULL, NULL, NULL},
    {"to", NULL, NULL, NULL},
    {"tr", "turkish", NULL, NULL},
    {"ts", NULL, NULL, NULL},
    {"tt", NULL, NULL, NULL},
    {"tw", NULL, NULL, NULL},
    {"ty", NULL, NULL, NULL},
    {"ug", NULL, NULL, NULL},
    {"uk", NULL, NULL, NULL},
    {"ur", NULL, NULL, NULL},
    {"uz", NULL, NULL, NULL},
    {"ve", NULL, NULL, NULL},
    {"vi", NULL, NULL, NULL},
    {"vo", NULL, NULL, NULL},
    {"wa", NULL, NULL, NULL},
    {"wo", NULL, NULL, NULL},
    {"xh", NULL, NULL, NULL},
    {"yi", "yiddish", NULL, NULL},
    {"yo", NULL, NULL, NULL},
    {"za", NULL, NULL, NULL},
    {"zh", NULL, NULL, NULL},
    {"zu", NULL, NULL, NULL},
};
#define LANGUAGE_COUNT (sizeof languages / sizeof languages[0])

static int compare_code(const void *key, const void *element)
{
    return memcmp(key, ((const struct language *)element)->code, 2);
}

static bool is_ascii_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether `text` is nothing, or subtags as in "-GB", "_at", "-Hant-TW". */
static bool is_region(const char *text)
{
    if (*text == '\0')
        return true;
    size_t subtag = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '-' || *c == '_') {
            if (c != text && subtag == 0)
                return false;
            subtag = 0;
        } else if (c == text || !(is_ascii_letter(*c) || (*c >= '0' && *c <= '9')) || ++subtag > 8) {
            return false;
        }
    }
    return subtag != 0;
}

const struct language *language_find(const char *code)
{
    if (!is_ascii_letter(code[0]) || !is_ascii_letter(code[1]) || !is_region(code + 2))
        return NULL;
    char key[2] = {(char)(code[0] | 0x20), (char)(code[1] | 0x20)};
    return bsearch(key, languages, LANGUAGE_COUNT, sizeof languages[0], compare_code);
}

const char *language_code(const struct language *language)
{
    return language->code;
}

/* Whether a list like " a an and " holds the word. */
static bool list_holds(const char *list, const char *word, size_t length)
{
    char sought[20];
    if (list == NULL || length == 0 || length > sizeof sought - 2 || memchr(word, ' ', length) != NULL)
        return false;
    sought[0] = sought[length + 1] = ' ';
    memcpy(sought + 1, word, length);
    return memmem(list, strlen(list), sought, length + 2) != NULL;
}

/* Asked for every word of every article, and nearly always no: a bit for first letter, last letter and length
 * together tells most others from the words of a list. */
#define STOP_BITS 4096

static uint64_t stop_masks[LANGUAGE_COUNT][STOP_BITS / 64];
static pthread_once_t stop_masks_made = PTHREAD_ONCE_INIT;

static size_t stop_bit(const char *word, size_t length)
{
    size_t first = (unsigned char)word[0];
    size_t last = (unsigned char)word[length - 1];
    return ((first * 31 + last) * 19 + length) % STOP_BITS;
}

static void make_stop_masks(void)
{
    for (size_t i = 0; i < LANGUAGE_COUNT; i++) {
        const char *word = languages[i].stop_words;
        while (word != NULL && *(word += strspn(word, " ")) != '\0') {
            size_t length = strcspn(word, " ");
            stop_masks[i][stop_bit(word, length) / 64] |= UINT64_C(1) << (stop_bit(word, length) % 64);
            word += length;
        }
    }
}

bool language_is_stop_word(const struct language *language, const char *word, size_t length)
{
    pthread_once(&stop_masks_made, make_stop_masks);
    if (length == 0)
        return false;
    size_t bit = stop_bit(word, length);
    return (stop_masks[language - languages][bit / 64] >> (bit % 64) & 1) != 0 &&
           list_holds(language->stop_words, word, length);
}

/*
 * The stem cache: a direct-mapped table whose slots are one cache line each, so that a word that is in it
 * costs one memory access. A stem that is a beginning of its word, as most are, takes no room of its own.
 */
#define CACHE_SLOTS 32768 /* 2 MB a thread */
#define CACHE_BYTES 60

struct cache_slot {
    uint8_t language; /* index + 1; 0: empty */
    uint8_t word_length;
    uint8_t stem_offset; /* where in `bytes` the stem begins */
    uint8_t stem_length;
    char bytes[CACHE_BYTES]; /* the word, then the stem if it is no beginning of it */
};
_Static_assert(sizeof(struct cache_slot) == 64, "a slot is a cache line");
_Static_assert(LANGUAGE_COUNT < 255, "a language fits a byte");

struct stemmer_set {
    struct sb_stemmer *stemmers[LANGUAGE_COUNT]; /* made when first asked for */
    struct cache_slot *cache; /* the first slot in `cache_block` that begins a cache line */
    void *cache_block;
    struct buffer normalised; /* a stem that had to be normalised again */
};

struct stemmer_set *stemmer_set_new(void)
{
    struct stemmer_set *set = memory_zeroed(1, sizeof *set);
    set->cache_block = memory_zeroed(CACHE_SLOTS + 1, sizeof *set->cache);
    uintptr_t address = (uintptr_t)set->cache_block;
    set->cache =
        (struct cache_slot *)((address + sizeof *set->cache - 1) / sizeof *set->cache * sizeof *set->cache);
    return set;
}

void stemmer_set_free(struct stemmer_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < LANGUAGE_COUNT; i++)
        sb_stemmer_delete(set->stemmers[i]);
    buffer_release(&set->normalised);
    free(set->cache_block);
    free(set);
}

/* The bytes of an article joined to the word by an apostrophe, with it ("l'economie": 2), or 0. */
static size_t elided_length(const struct language *language, const char *word, size_t length)
{
    if (language->elided == NULL)
        return 0;
    const char *apostrophe = memchr(word, '\'', length);
    if (apostrophe == NULL || (size_t)(apostrophe - word) + 1 == length)
        return 0;
    size_t article = (size_t)(apostrophe - word);
    return list_holds(language->elided, word, article) ? article + 1 : 0;
}

static const char *run_stemmer(struct stemmer_set *set, const struct language *language, const char *word,
                               size_t length, size_t *stem_length)
{
    struct sb_stemmer **stemmer = &set->stemmers[language - languages];
    if (*stemmer == NULL)
        *stemmer = sb_stemmer_new(language->algorithm, "UTF_8");
    *stem_length = length;
    if (*stemmer == NULL)
        return word;
    size_t elided = elided_length(language, word, length);
    const sb_symbol *stem =
        sb_stemmer_stem(*stemmer, (const sb_symbol *)word + elided, (int)(length - elided));
    size_t found = stem != NULL ? (size_t)sb_stemmer_length(*stemmer) : 0;
    if (found == 0)
        return word;
    *stem_length = found;
    if (utf8_is_ascii((const char *)stem, found))
        return (const char *)stem;
    buffer_clear(&set->normalised);
    if (!text_normalise((const char *)stem, found, &set->normalised) || set->normalised.length == 0) {
        *stem_length = length;
        return word;
    }
    *stem_length = set->normalised.length;
    return set->normalised.data;
}

static void cache_fill(struct cache_slot *slot, uint8_t language, const char *word, size_t length,
                       const char *stem, size_t stem_length)
{
    bool beginning = stem_length <= length && memcmp(stem, word, stem_length) == 0;
    size_t offset = beginning ? 0 : length;
    if (length > CACHE_BYTES || offset + stem_length > CACHE_BYTES)
        return;
    slot->language = language;
    slot->word_length = (uint8_t)length;
    slot->stem_offset = (uint8_t)offset;
    slot->stem_length = (uint8_t)stem_length;
    memcpy(slot->bytes, word, length);
    if (!beginning)
        memcpy(slot->bytes + offset, stem, stem_length);
}

const char *stemmer_stem(struct stemmer_set *set, const struct language *language, const char *word,
                         size_t length, size_t *stem_length)
{
    if (language->algorithm == NULL) {
        *stem_length = length;
        return word;
    }
    uint8_t key = (uint8_t)(language - languages + 1);
    uint64_t hash = hash_bytes(word, length) + key * UINT64_C(0x9E3779B97F4A7C15);
    struct cache_slot *slot = &set->cache[hash % CACHE_SLOTS];
    if (slot->language == key && slot->word_length == length && memcmp(slot->bytes, word, length) == 0) {
        *stem_length = slot->stem_length;
        return slot->bytes + slot->stem_offset;
    }
    const char *stem = run_stemmer(set, language, word, length, stem_length);
    cache_fill(slot, key, word, length, stem, *stem_length);
    return stem;
}
