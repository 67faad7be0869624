#include "index/copy_finder.h"

#include "base/date.h"
#include "base/memory.h"

#include <stdlib.h>

#define BANDS 16
#define BAND_BYTES 2
#define BAND_VALUES 65536
#define CHAINS (BANDS + 1) /* one for each band, and one for the article's id */
#define ID_CHAIN BANDS
#define CANDIDATES_MAX 32 /* looked at in a band, the newest: many texts with the same frame cost no more */
#define ENTRIES_FIRST 1024
#define SECONDS_PER_DAY 86400

_Static_assert(BANDS *BAND_BYTES <= SIGNATURE_BYTES, "the bands are part of the signature");

/* Articles are numbered from 1 as they come; number n is at n % memory until it is overwritten. */
struct entry {
    uint32_t number; /* 0: nobody */
    uint32_t docid;
    uint32_t original;  /* its own docid if it is the first of its story */
    uint32_t looked_at; /* in this search: each candidate is compared once */
    bool dead;
    uint64_t id_hash;
    int64_t published;
    struct signature signature;
    uint32_t next[CHAINS]; /* number of the one before in the same chain */
};

struct copy_finder {
    float threshold;
    size_t memory;
    uint32_t newest; /* number */
    uint32_t search; /* number of the last search */
    struct entry *entries;
    size_t entry_capacity;
    uint32_t (*heads)[BAND_VALUES]; /* for each chain: number of the newest one */
};

struct copy_finder *copy_finder_new(size_t memory, double threshold)
{
    struct copy_finder *finder = memory_zeroed(1, sizeof *finder);
    finder->memory = memory;
    finder->threshold = (float)threshold;
    finder->heads = memory_zeroed(CHAINS, sizeof *finder->heads);
    return finder;
}

void copy_finder_free(struct copy_finder *finder)
{
    if (finder == NULL)
        return;
    free(finder->entries);
    free(finder->heads);
    free(finder);
}

/* NULL if it has been overwritten or taken back. */
static struct entry *entry_of(const struct copy_finder *finder, uint32_t number)
{
    size_t at = number % finder->memory;
    if (number == 0 || at >= finder->entry_capacity || finder->entries[at].number != number)
        return NULL;
    return &finder->entries[at];
}

static uint16_t chain_value(const struct entry *entry, size_t chain)
{
    if (chain == ID_CHAIN)
        return (uint16_t)entry->id_hash;
    const uint8_t *band = entry->signature.bytes + chain * BAND_BYTES;
    return (uint16_t)(band[0] << 8 | band[1]);
}

/* The room of the next article; the array grows with the first ones, then the oldest is overwritten. */
static struct entry *next_entry(struct copy_finder *finder)
{
    size_t at = ++finder->newest % finder->memory;
    if (at >= finder->entry_capacity) {
        size_t capacity = finder->entry_capacity == 0 ? ENTRIES_FIRST : finder->entry_capacity * 2;
        capacity = capacity < finder->memory ? capacity : finder->memory;
        finder->entries = memory_resize(finder->entries, capacity, sizeof *finder->entries);
        for (size_t i = finder->entry_capacity; i < capacity; i++)
            finder->entries[i].number = 0;
        finder->entry_capacity = capacity;
    }
    return &finder->entries[at];
}

static void forget_versions(struct copy_finder *finder, uint64_t id_hash)
{
    uint32_t number = finder->heads[ID_CHAIN][(uint16_t)id_hash];
    for (struct entry *entry; (entry = entry_of(finder, number)) != NULL; number = entry->next[ID_CHAIN])
        if (entry->id_hash == id_hash)
            entry->dead = true;
}

static struct entry *remember(struct copy_finder *finder, const struct copy_article *article)
{
    forget_versions(finder, article->id_hash);
    struct entry *entry = next_entry(finder);
    *entry = (struct entry){
        .number = finder->newest,
        .docid = article->docid,
        .original = article->docid,
        .id_hash = article->id_hash,
        .published = article->published,
        .signature = *article->signature,
    };
    size_t first = signature_exists(&entry->signature) ? 0 : ID_CHAIN;
    for (size_t chain = first; chain < CHAINS; chain++) {
        uint32_t *head = &finder->heads[chain][chain_value(entry, chain)];
        entry->next[chain] = *head;
        *head = entry->number;
    }
    return entry;
}

static bool are_close(int64_t a, int64_t b)
{
    if (a == DATE_NONE || b == DATE_NONE)
        return true;
    int64_t distance = a > b ? a - b : b - a;
    return distance <= (int64_t)COPY_DAYS * SECONDS_PER_DAY;
}

/* The one with the highest resemblance among those that reach the threshold; of equal ones the newest. */
static const struct entry *find_nearest(struct copy_finder *finder, const struct entry *entry)
{
    finder->search++;
    const struct entry *nearest = NULL;
    float highest = finder->threshold;
    for (size_t band = 0; band < BANDS; band++) {
        uint32_t number = entry->next[band];
        struct entry *other;
        for (int i = 0; i < CANDIDATES_MAX && (other = entry_of(finder, number)) != NULL; i++) {
            number = other->next[band];
            if (other->dead || other->looked_at == finder->search ||
                !are_close(entry->published, other->published))
                continue;
            other->looked_at = finder->search;
            float found = signature_resemblance(&entry->signature, &other->signature);
            if (found < highest || (nearest != NULL && found <= highest))
                continue;
            nearest = other;
            highest = found;
        }
    }
    return nearest;
}

uint32_t copy_finder_add(struct copy_finder *finder, const struct copy_article *article)
{
    struct entry *entry = remember(finder, article);
    if (!signature_exists(&entry->signature))
        return 0;
    const struct entry *nearest = find_nearest(finder, entry);
    if (nearest == NULL)
        return 0;
    entry->original = nearest->original;
    return entry->original;
}

void copy_finder_recall(struct copy_finder *finder, const struct copy_article *article, uint32_t original)
{
    struct entry *entry = remember(finder, article);
    if (original != 0)
        entry->original = original;
}

/* Docids ascend with the numbers. */
void copy_finder_forget(struct copy_finder *finder, uint32_t docid)
{
    uint32_t low = finder->newest > finder->memory ? finder->newest - (uint32_t)finder->memory + 1 : 1;
    uint32_t high = finder->newest + 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct entry *entry = entry_of(finder, middle);
        if (entry == NULL || entry->docid < docid) /* only the oldest can be gone */
            low = middle + 1;
        else
            high = middle;
    }
    struct entry *found = entry_of(finder, low);
    if (found != NULL && found->docid == docid)
        found->dead = true;
}

void copy_finder_rewind(struct copy_finder *finder, uint64_t docid)
{
    struct entry *entry;
    while ((entry = entry_of(finder, finder->newest)) != NULL && entry->docid > docid) {
        size_t first = signature_exists(&entry->signature) ? 0 : ID_CHAIN;
        for (size_t chain = first; chain < CHAINS; chain++)
            finder->heads[chain][chain_value(entry, chain)] = entry->next[chain];
        entry->number = 0;
        finder->newest--;
    }
}
