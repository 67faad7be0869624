/*
 * profile.h - what is known about an entity (a person, organization, product or place): its name, other names
 * of it, and a text about it.
 *
 * A profile is immutable once it is made and shared by reference count. Any thread.
 */
#ifndef STORYD_PROFILE_PROFILE_H
#define STORYD_PROFILE_PROFILE_H

#include "article/article.h"
#include "base/error.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_ABOUT_MAX 20000 /* bytes */
#define PROFILE_ALIASES_MAX 50
#define PROFILE_URL_MAX ARTICLE_URL_MAX /* of `url` and `image` */

/* A name as the index knows it: its Xapian term, which tells its kind, too. */
struct profile_term {
    const char *text; /* not NUL-terminated */
    uint32_t length;
    uint64_t hash;       /* hash_bytes() of the term */
    const char *written; /* the name as the profile has it */
};

struct profile {
    atomic_uint references;
    enum name_kind kind;
    char *name; /* as written, trimmed */
    char *key;  /* normalised: the same for all spellings of the name */
    char *text; /* the stored JSON object */
    size_t length;
    struct profile_term *terms; /* the name's, then the aliases' */
    size_t term_count;
    char *term_texts; /* of all terms, and the names as written */
    uint64_t hash;    /* of the kind, the name as written and all terms: what the index has to know */
};

/* "person", "organization", "product", "place". */
const char *profile_kind_name(enum name_kind kind);

/* Those words and the article's keys ("people"…); false for any other. */
bool profile_kind_parse(const char *word, enum name_kind *kind);

/*
 * Checks `object` (its reference is stolen, also on failure; it is changed):
 * {"kind","name","about","aliases", "url","image"}, of which `kind`, `name` and one of `about` and `aliases`
 * are required. Names are trimmed; aliases that are the name or another alias are dropped. *profile is new:
 * profile_release(). bad_request naming the key and what was expected.
 */
int profile_from_json(json_t *object, struct profile **profile, struct error *error);

/* The same from the stored text. */
int profile_from_text(const char *text, size_t length, struct profile **profile, struct error *error);

/* One that has a name and nothing else, to look for another one by. bad_request for a name that is blank or
 * too long. */
int profile_named(enum name_kind kind, const char *name, struct profile **profile, struct error *error);

struct profile *profile_retain(struct profile *profile);
void profile_release(struct profile *profile); /* NULL is fine */

#endif
