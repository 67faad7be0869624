/* verb_profile.c - profile: show, store, remove. */
#include "ctl/documents.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

static const char *text_of(const struct session *session, const char *key)
{
    const char *text = json_string_value(json_object_get(session->answer, key));
    return text != NULL ? text : "?";
}

static void show_stored(const struct session *session, struct page *page)
{
    const json_t *answer = session->answer;
    struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "%s \"%s\": %s", text_of(session, "kind"), text_of(session, "name"),
                  json_is_true(json_object_get(answer, "removed"))   ? "profile removed"
                  : json_is_true(json_object_get(answer, "created")) ? "profile stored"
                                                                     : "profile replaced");
    page_wrap(page, line.data, 0, 0, 0, STYLE_PLAIN);
    buffer_release(&line);
}

/* The options that describe the entity, as members. Returns how many there are. */
static size_t add_members(const struct invocation *invocation, json_t *profile)
{
    static const char *const texts[] = {"about", "url", "image"};
    size_t before = json_object_size(profile);
    json_t *aliases = json_array();
    size_t at = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (invocation_has(invocation, texts[i]))
            json_object_set_new(profile, texts[i], json_string(invocation_text(invocation, texts[i])));
    for (const char *alias; (alias = invocation_next(invocation, "alias", &at)) != NULL;)
        json_array_append_new(aliases, json_string(alias));
    if (json_array_size(aliases) > 0)
        json_object_set(profile, "aliases", aliases);
    json_decref(aliases);
    return json_object_size(profile) - before;
}

/* An option of this verb that was given, NULL if there is none; --text and the like do not count. */
static const char *own_option(const struct invocation *invocation)
{
    for (const struct verb_option *option = invocation->verb->options; option->name != NULL; option++)
        if (invocation_has(invocation, option->name))
            return option->name;
    return NULL;
}

static int store_document(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    struct error error = ERROR_INIT;
    json_t *profile = NULL;
    const char *option = own_option(invocation);
    if (option != NULL)
        error_set(&error, ERROR_BAD_REQUEST, "profile: --%s goes with KIND and NAME, not with a file",
                  option);
    else
        profile = document_read(invocation->words[0], &error);
    if (profile == NULL)
        return session_complain(EXIT_USAGE, &error);
    return session_run(session, "PROFILE", profile, show_stored);
}

int verb_profile(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    if (invocation->word_count == 1)
        return store_document(session);
    struct error error = ERROR_INIT;
    json_t *profile = json_pack("{s:s,s:s}", "kind", invocation->words[0], "name", invocation->words[1]);
    if (profile == NULL) {
        error_set(&error, ERROR_BAD_REQUEST, "profile: KIND and NAME must be UTF-8 text");
        return session_complain(EXIT_USAGE, &error);
    }
    size_t described = add_members(invocation, profile);
    if (invocation_has(invocation, "remove"))
        json_object_set_new(profile, "remove", json_true());
    else if (described == 0)
        return session_run(session, "GET", json_pack("{s:o}", "profile", profile), show_profile);
    return session_run(session, "PROFILE", profile, show_stored);
}
