/* epoch_gazetteer.c - the names that an epoch recognises in texts: those of the profiles, and those that
 * several articles have. */
#include "index/index_private.h"

#include "base/hash.h"
#include "index/document.h"

#include <string.h>

#define ARTICLES_MIN 2 /* that have a name, before it is looked for in others */
/* A profile counts as much as this many articles with the name: somebody has said that it is one. */
#define PROFILE_FREQUENCY 10

struct naming {
    const struct statistics_builder *builder;
    struct gazetteer_builder *gazetteer;
    struct segment *const *segments;
    size_t segment_count;
    const struct snapshot *snapshot;
};

/* How a slice shows the name; false if it does not have it. */
static bool display_in(const struct slice *slice, struct gazetteer_name *name)
{
    uint32_t number =
        features_find(&slice->features, name->term, name->length, hash_bytes(name->term, name->length));
    if (number == DICTIONARY_NONE)
        return false;
    name->display = dictionary_display(&slice->features.terms, number, &name->display_length);
    return true;
}

static bool find_display(const struct naming *naming, struct gazetteer_name *name)
{
    for (size_t i = 0; i < naming->segment_count; i++)
        if (display_in(naming->segments[i]->slice, name))
            return true;
    for (size_t i = 0; naming->snapshot != NULL && i < naming->snapshot->slice_count; i++)
        if (display_in(naming->snapshot->slices[i], name))
            return true;
    return false;
}

/* In how many documents the name was only recognised. */
static uint32_t recognised(const struct statistics_builder *builder, const char *term, size_t length)
{
    char found[sizeof DOCUMENT_FOUND_PREFIX + XAPIAN_TERM_MAX];
    size_t prefix = sizeof DOCUMENT_FOUND_PREFIX - 1;
    if (length > XAPIAN_TERM_MAX)
        return 0;
    memcpy(found, DOCUMENT_FOUND_PREFIX, prefix);
    memcpy(found + prefix, term, length);
    return statistics_builder_frequency(builder, found, prefix + length);
}

static void add_used_name(void *context, const char *term, size_t length, uint32_t frequency)
{
    const struct naming *naming = context;
    frequency -= recognised(naming->builder, term, length);
    struct gazetteer_name name = {.kind = term_name_kind(term, length), .term = term, .length = length};
    if (frequency >= ARTICLES_MIN && name.kind != NAME_KIND_COUNT && name.kind != NAME_TAG &&
        find_display(naming, &name))
        gazetteer_builder_add(naming->gazetteer, &name, frequency);
}

static void add_profile(const struct naming *naming, const struct profile *profile)
{
    const struct profile_term *own = &profile->terms[0];
    uint32_t frequency =
        PROFILE_FREQUENCY + statistics_builder_frequency(naming->builder, own->text, own->length);
    for (size_t i = 0; i < profile->term_count; i++)
        frequency -= recognised(naming->builder, profile->terms[i].text, profile->terms[i].length);
    for (size_t i = 0; i < profile->term_count; i++) {
        const struct profile_term *term = &profile->terms[i];
        const struct gazetteer_name name = {profile->kind, term->text, term->length, term->written,
                                            strlen(term->written)};
        gazetteer_builder_add(naming->gazetteer, &name, frequency);
    }
}

void epoch_add_gazetteer(struct statistics_builder *builder, const struct language *language,
                         struct profile *const *profiles, size_t profile_count,
                         struct segment *const *segments, size_t segment_count,
                         const struct snapshot *snapshot)
{
    struct naming naming = {builder, statistics_builder_gazetteer(builder, language), segments, segment_count,
                            snapshot};
    for (size_t i = 0; i < profile_count; i++)
        add_profile(&naming, profiles[i]);
    statistics_builder_each(builder, add_used_name, &naming);
}
