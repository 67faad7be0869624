#include "index/document.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BM25_K1 1.2
#define BM25_B 0.75

struct document_maker {
    struct analyser *analyser;
    struct xapian_term *terms;
    size_t term_capacity;
    struct xapian_stem *stems;
    size_t stem_capacity;
    struct feature_vector vector;
    struct buffer names; /* terms of the article's names */
    struct buffer found_terms;
    struct gazetteer_scratch scratch;
    struct gazetteer_name *found;
    size_t found_count;
    size_t found_capacity;
};

uint32_t document_impact(double term_frequency, double length, double average_length)
{
    double normal = average_length > 0 ? length / average_length : 1.0;
    double part =
        (BM25_K1 + 1) * term_frequency / (term_frequency + BM25_K1 * (1 - BM25_B + BM25_B * normal));
    long impact = lround(part * IMPACT_SCALE);
    return (uint32_t)(impact < 1 ? 1 : impact > IMPACT_MAX ? IMPACT_MAX : impact);
}

struct document_maker *document_maker_new(void)
{
    struct document_maker *maker = memory_zeroed(1, sizeof *maker);
    maker->analyser = analyser_new();
    return maker;
}

void document_maker_free(struct document_maker *maker)
{
    if (maker == NULL)
        return;
    analyser_free(maker->analyser);
    free(maker->terms);
    free(maker->stems);
    feature_vector_release(&maker->vector);
    buffer_release(&maker->names);
    buffer_release(&maker->found_terms);
    gazetteer_scratch_release(&maker->scratch);
    free(maker->found);
    free(maker);
}

/* Stems of the text have no prefix; prefixes are capitals and stems never start with one. */
static bool is_stem(const struct analysed_term *term)
{
    return term->length > 0 && !(term->text[0] >= 'A' && term->text[0] <= 'Z');
}

static size_t make_terms(struct document_maker *maker, const struct document_settings *settings,
                         const struct analysis *analysis)
{
    maker->terms =
        memory_grow(maker->terms, &maker->term_capacity, analysis->term_count, sizeof *maker->terms);
    maker->stems =
        memory_grow(maker->stems, &maker->stem_capacity, analysis->term_count, sizeof *maker->stems);
    size_t stems = 0;
    for (size_t i = 0; i < analysis->term_count; i++) {
        const struct analysed_term *term = &analysis->terms[i];
        double count = term->body_count + settings->title_weight * term->title_count;
        uint32_t impact = count > 0 ? document_impact(count, analysis->length, settings->average_length) : 0;
        maker->terms[i] =
            (struct xapian_term){term->text, term->length, impact, term->positions, term->position_count};
        if (impact > 0 && is_stem(term))
            maker->stems[stems++] = (struct xapian_stem){term->text, term->length, impact};
    }
    return stems;
}

static void add_names(struct document_maker *maker, const struct statistics *statistics,
                      const struct article *article)
{
    buffer_clear(&maker->names);
    /* terms must not move while the vector borrows them */
    buffer_reserve(&maker->names, (size_t)NAME_KIND_COUNT * ARTICLE_NAMES_MAX * (XAPIAN_TERM_MAX + 1));
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++) {
        const struct name_list *list = &article->names[kind];
        for (size_t i = 0; i < list->count; i++) {
            size_t start = maker->names.length;
            size_t length = strlen(list->names[i]);
            if (!term_for_name((enum term_field)kind, list->names[i], length, &maker->names))
                continue;
            feature_vector_add_name(&maker->vector, statistics, (enum name_kind)kind,
                                    maker->names.data + start, maker->names.length - start, list->names[i],
                                    length);
        }
    }
}

/* ---- names in the text ---- */

#define FOUND_MAX 100

struct finding {
    struct document_maker *maker;
    const struct analysis *analysis; /* has the terms of the names that were given */
};

static bool is_term(const struct analysis *analysis, const struct gazetteer_name *name)
{
    for (size_t i = 0; i < analysis->term_count; i++)
        if (analysis->terms[i].length == name->length &&
            memcmp(analysis->terms[i].text, name->term, name->length) == 0)
            return true;
    return false;
}

static void take_name(void *context, const struct gazetteer_name *name)
{
    const struct finding *finding = context;
    struct document_maker *maker = finding->maker;
    for (size_t i = 0; i < maker->found_count; i++)
        if (maker->found[i].term == name->term)
            return;
    if (maker->found_count == FOUND_MAX || is_term(finding->analysis, name))
        return;
    maker->found =
        memory_grow(maker->found, &maker->found_capacity, maker->found_count + 1, sizeof *maker->found);
    maker->found[maker->found_count++] = *name;
}

/* The second term of each. */
static void add_found_terms(struct document_maker *maker, struct xapian_term *terms)
{
    buffer_clear(&maker->found_terms);
    buffer_reserve(&maker->found_terms, (size_t)FOUND_MAX * (XAPIAN_TERM_MAX + 1)); /* they must not move */
    for (size_t i = 0; i < maker->found_count; i++) {
        size_t start = maker->found_terms.length;
        buffer_append_string(&maker->found_terms, DOCUMENT_FOUND_PREFIX);
        buffer_append(&maker->found_terms, maker->found[i].term, maker->found[i].length);
        terms[i] = (struct xapian_term){.text = maker->found_terms.data + start,
                                        .length = (uint32_t)(maker->found_terms.length - start)};
    }
}

/* They become terms and features as the given ones are. Returns how many terms were added. */
static size_t find_names(struct document_maker *maker, const struct statistics *statistics,
                         const struct analysis *analysis)
{
    struct finding finding = {maker, analysis};
    for (size_t i = 0; i < ANALYSER_TEXTS; i++) {
        const struct buffer *text = analyser_text(maker->analyser, i);
        gazetteer_find(&statistics->gazetteer, &maker->scratch, text->data, text->length, take_name,
                       &finding);
    }
    size_t count = maker->found_count;
    maker->terms = memory_grow(maker->terms, &maker->term_capacity, analysis->term_count + 2 * count,
                               sizeof *maker->terms);
    struct xapian_term *terms = maker->terms + analysis->term_count;
    for (size_t i = 0; i < count; i++) {
        const struct gazetteer_name *name = &maker->found[i];
        terms[i] = (struct xapian_term){.text = name->term, .length = (uint32_t)name->length};
        feature_vector_add_name(&maker->vector, statistics, name->kind, name->term, name->length,
                                name->display, name->display_length);
    }
    add_found_terms(maker, terms + count);
    return 2 * count;
}

static bool names_nobody(const struct article *article)
{
    return article->names[NAME_PERSON].count == 0 && article->names[NAME_ORGANIZATION].count == 0;
}

void document_make(struct document_maker *maker, const struct document_settings *settings,
                   const struct statistics *statistics, const struct article *article,
                   struct document *document)
{
    struct analysis analysis;
    analyser_run(maker->analyser, article, settings->default_language, &analysis);
    size_t stems = make_terms(maker, settings, &analysis);
    feature_vector_clear(&maker->vector);
    add_names(maker, statistics, article);
    maker->found_count = 0;
    size_t found_terms = 0;
    if (settings->find_names && names_nobody(article))
        found_terms = find_names(maker, statistics, &analysis);
    feature_vector_add_stems(&maker->vector, statistics, maker->stems, stems, settings->key_terms);
    feature_vector_finish(&maker->vector);
    *document = (struct document){
        .terms = maker->terms,
        .term_count = analysis.term_count + found_terms,
        .features = &maker->vector,
        .length = analysis.length,
        .language = language_code(analysis.language),
        .found = maker->found,
        .found_count = maker->found_count,
        .signature = analysis.signature,
    };
}
