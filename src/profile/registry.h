/*
 * registry.h - all profiles, in memory, found by each of their names.
 *
 * The store is the truth; the registry is filled from it at start and changed by the committer alone, in two
 * steps: changes are staged while a group of writes is applied and shown to readers, all of them or none,
 * once the group's fate is known. Looking up: any thread, behind a lock that is held for microseconds.
 */
#ifndef STORYD_PROFILE_REGISTRY_H
#define STORYD_PROFILE_REGISTRY_H

#include "profile/profile.h"

struct registry_limits {
    size_t profiles;
    size_t bytes; /* of their texts together */
};
#define REGISTRY_PROFILES_MAX 200000
#define REGISTRY_BYTES_MAX ((size_t)256 << 20)

struct registry;
struct registry *registry_new(const struct registry_limits *limits);
void registry_free(struct registry *registry);

/* ---- the committer's thread ---- */

/* Puts the profile (a reference is taken) in the place of the one with its name, if there is one: *created
 * says. conflict if one of its names belongs to another profile of its kind, too_large if there is no room.
 */
int registry_stage(struct registry *registry, struct profile *profile, bool *created, struct error *error);

/* Takes the profile with the name of `named` (profile_named()) away; nothing if there is none. conflict if
 * the name is an alias. */
int registry_stage_removal(struct registry *registry, const struct profile *named, struct error *error);

void registry_publish(struct registry *registry); /* what is staged holds */
void registry_discard(struct registry *registry); /* and never was */

/* ---- any thread ---- */

/* The profile that has this name or alias, as a Xapian term with its hash_bytes(): new reference; NULL if
 * there is none. */
struct profile *registry_find(struct registry *registry, const char *term, size_t length, uint64_t hash);

/* Which names mean the same, as one number: changes with every name added or removed, 0 without profiles. */
uint64_t registry_names_version(struct registry *registry, int64_t *changed); /* when: clock.h */

/* Every profile, in no order, with the version: new references in a new array, *count of them. */
struct profile **registry_all(struct registry *registry, size_t *count, uint64_t *version);

size_t registry_count(struct registry *registry);

#endif
