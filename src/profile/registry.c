#include "profile/registry.h"

#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64 /* a power of two */

/* A name, and whose it is. */
struct name {
    char *term; /* owned */
    uint32_t length;
    uint64_t hash;
    struct profile *shown;  /* for readers; a reference of its own */
    struct profile *staged; /* once what is staged is published; likewise */
    bool changed;           /* `staged` counts */
};

struct figures {
    size_t profiles;
    size_t bytes;
    uint64_t version;
};

struct registry {
    struct registry_limits limits;
    pthread_mutex_t lock; /* guards the table and what is shown */
    struct name **slots;  /* NULL: free */
    size_t slot_count;
    size_t used;
    struct figures shown;
    int64_t changed; /* clock.h: when `shown.version` last did */

    /* the committer's own */
    struct figures staged;
    struct name **touched; /* those that are changed */
    size_t touched_count;
    size_t touched_capacity;
};

struct registry *registry_new(const struct registry_limits *limits)
{
    struct registry *registry = memory_zeroed(1, sizeof *registry);
    registry->limits = *limits;
    registry->slot_count = SLOTS_MIN;
    registry->slots = memory_zeroed(SLOTS_MIN, sizeof *registry->slots);
    pthread_mutex_init(&registry->lock, NULL);
    return registry;
}

static void name_free(struct name *name)
{
    profile_release(name->shown);
    profile_release(name->staged);
    free(name->term);
    free(name);
}

void registry_free(struct registry *registry)
{
    if (registry == NULL)
        return;
    for (size_t i = 0; i < registry->slot_count; i++)
        if (registry->slots[i] != NULL)
            name_free(registry->slots[i]);
    free(registry->slots);
    free(registry->touched);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* ---- the table ---- */

/* The slot of the term, or the free one where it belongs. */
static struct name **find(const struct registry *registry, const char *term, size_t length, uint64_t hash)
{
    size_t mask = registry->slot_count - 1;
    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        const struct name *name = registry->slots[at];
        if (name == NULL ||
            (name->hash == hash && name->length == length && memcmp(name->term, term, length) == 0))
            return &registry->slots[at];
    }
}

static bool is_used(const struct name *name)
{
    return name != NULL && (name->shown != NULL || name->changed);
}

/* Makes the table anew, at most a quarter full, without the names that belong to nobody any more. */
static void grow(struct registry *registry)
{
    struct name **old = registry->slots;
    size_t old_count = registry->slot_count;
    registry->used = 0;
    for (size_t i = 0; i < old_count; i++)
        registry->used += is_used(old[i]);
    while ((registry->used + 1) * 4 > registry->slot_count)
        registry->slot_count *= 2;
    registry->slots = memory_zeroed(registry->slot_count, sizeof *registry->slots);
    for (size_t i = 0; i < old_count; i++) {
        if (is_used(old[i]))
            *find(registry, old[i]->term, old[i]->length, old[i]->hash) = old[i];
        else if (old[i] != NULL)
            name_free(old[i]);
    }
    free(old);
}

static struct name *find_or_add(struct registry *registry, const struct profile_term *term)
{
    struct name **slot = find(registry, term->text, term->length, term->hash);
    if (*slot != NULL)
        return *slot;
    if ((registry->used + 1) * 2 > registry->slot_count) {
        grow(registry);
        slot = find(registry, term->text, term->length, term->hash);
    }
    registry->used++;
    *slot = memory_zeroed(1, sizeof **slot);
    **slot = (struct name){
        .term = memory_copy_bytes(term->text, term->length), .length = term->length, .hash = term->hash};
    return *slot;
}

/* ---- staging ---- */

/* Whose name it will be; NULL: nobody's. */
static struct profile *future_owner(const struct registry *registry, const struct profile_term *term)
{
    const struct name *name = *find(registry, term->text, term->length, term->hash);
    return name == NULL ? NULL : name->changed ? name->staged : name->shown;
}

static void set_owner(struct registry *registry, const struct profile_term *term, struct profile *owner)
{
    pthread_mutex_lock(&registry->lock); /* readers follow the table that this may make anew */
    struct name *name = find_or_add(registry, term);
    if (!name->changed) {
        registry->touched = memory_grow(registry->touched, &registry->touched_capacity,
                                        registry->touched_count + 1, sizeof *registry->touched);
        registry->touched[registry->touched_count++] = name;
    }
    profile_release(name->staged);
    name->staged = owner != NULL ? profile_retain(owner) : NULL;
    name->changed = true;
    pthread_mutex_unlock(&registry->lock);
}

static void take_away(struct registry *registry, struct profile *profile)
{
    profile_retain(profile); /* the names may hold the last references */
    for (size_t i = 0; i < profile->term_count; i++)
        set_owner(registry, &profile->terms[i], NULL);
    registry->staged.profiles--;
    registry->staged.bytes -= profile->length;
    registry->staged.version -= profile->hash;
    profile_release(profile);
}

static void put(struct registry *registry, struct profile *profile)
{
    for (size_t i = 0; i < profile->term_count; i++)
        set_owner(registry, &profile->terms[i], profile);
    registry->staged.profiles++;
    registry->staged.bytes += profile->length;
    registry->staged.version += profile->hash;
}

/* True if `key` is the owner's name and no alias of it. */
static bool is_name_of(const struct profile *owner, const char *key)
{
    return owner != NULL && strcmp(owner->key, key) == 0;
}

/* A term's name without its prefix, "XORG:". */
static const char *name_in_term(const struct profile_term *term, int *length)
{
    const char *colon = memchr(term->text, ':', term->length);
    const char *name = colon != NULL ? colon + 1 : term->text;
    *length = (int)(term->text + term->length - name);
    return name;
}

static int check_names(const struct registry *registry, const struct profile *profile, struct error *error)
{
    for (size_t i = 0; i < profile->term_count; i++) {
        const struct profile *owner = future_owner(registry, &profile->terms[i]);
        if (owner == NULL || is_name_of(owner, profile->key))
            continue;
        int length;
        const char *name = name_in_term(&profile->terms[i], &length);
        return error_set(error, ERROR_CONFLICT, "the name \"%.*s\" belongs to the profile of the %s \"%s\"",
                         length, name, profile_kind_name(owner->kind), owner->name);
    }
    return 0;
}

static int check_room(const struct registry *registry, const struct profile *profile,
                      const struct profile *replaced, struct error *error)
{
    size_t profiles = registry->staged.profiles + (replaced == NULL);
    size_t bytes = registry->staged.bytes + profile->length - (replaced != NULL ? replaced->length : 0);
    if (profiles <= registry->limits.profiles && bytes <= registry->limits.bytes)
        return 0;
    return error_set(
        error, ERROR_TOO_LARGE,
        "there is no room for another profile: at most %zu profiles with %zu MB of text are kept",
        registry->limits.profiles, registry->limits.bytes >> 20);
}

int registry_stage(struct registry *registry, struct profile *profile, bool *created, struct error *error)
{
    struct profile *replaced = future_owner(registry, &profile->terms[0]);
    if (check_names(registry, profile, error) != 0 || check_room(registry, profile, replaced, error) != 0)
        return -1;
    *created = replaced == NULL;
    if (replaced != NULL)
        take_away(registry, replaced);
    put(registry, profile);
    return 0;
}

int registry_stage_removal(struct registry *registry, const struct profile *named, struct error *error)
{
    struct profile *owner = future_owner(registry, &named->terms[0]);
    if (owner == NULL)
        return 0;
    if (!is_name_of(owner, named->key))
        return error_set(error, ERROR_CONFLICT,
                         "\"%s\" is an alias in the profile of the %s \"%s\": change that one", named->name,
                         profile_kind_name(owner->kind), owner->name);
    take_away(registry, owner);
    return 0;
}

/* What was staged becomes what is shown, or is forgotten. */
static void settle(struct registry *registry, bool publish)
{
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->touched_count; i++) {
        struct name *name = registry->touched[i];
        struct profile *dropped = publish ? name->shown : name->staged;
        if (publish)
            name->shown = name->staged;
        name->staged = NULL;
        name->changed = false;
        profile_release(dropped);
    }
    registry->touched_count = 0;
    if (!publish)
        registry->staged = registry->shown;
    else if (registry->staged.version != registry->shown.version)
        registry->changed = clock_now();
    registry->shown = registry->staged;
    pthread_mutex_unlock(&registry->lock);
}

void registry_publish(struct registry *registry)
{
    settle(registry, true);
}

void registry_discard(struct registry *registry)
{
    settle(registry, false);
}

/* ---- for readers ---- */

struct profile *registry_find(struct registry *registry, const char *term, size_t length, uint64_t hash)
{
    pthread_mutex_lock(&registry->lock);
    const struct name *name = *find(registry, term, length, hash);
    struct profile *profile = name != NULL && name->shown != NULL ? profile_retain(name->shown) : NULL;
    pthread_mutex_unlock(&registry->lock);
    return profile;
}

uint64_t registry_names_version(struct registry *registry, int64_t *changed)
{
    pthread_mutex_lock(&registry->lock);
    uint64_t version = registry->shown.version;
    *changed = registry->changed;
    pthread_mutex_unlock(&registry->lock);
    return version;
}

struct profile **registry_all(struct registry *registry, size_t *count, uint64_t *version)
{
    pthread_mutex_lock(&registry->lock);
    struct profile **profiles = memory_zeroed(registry->shown.profiles, sizeof *profiles);
    *count = 0;
    *version = registry->shown.version;
    for (size_t i = 0; i < registry->slot_count; i++) {
        const struct name *name = registry->slots[i];
        /* each profile once: at its own name */
        if (name != NULL && name->shown != NULL && name->shown->terms[0].hash == name->hash)
            profiles[(*count)++] = profile_retain(name->shown);
    }
    pthread_mutex_unlock(&registry->lock);
    return profiles;
}

size_t registry_count(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    size_t count = registry->shown.profiles;
    pthread_mutex_unlock(&registry->lock);
    return count;
}
