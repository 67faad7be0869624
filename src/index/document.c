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

void document_make(struct document_maker *maker, const struct document_settings *settings,
                   const struct statistics *statistics, const struct article *article,
                   struct document *document)
{
    struct analysis analysis;
    analyser_run(maker->analyser, article, settings->default_language, &analysis);
    size_t stems = make_terms(maker, settings, &analysis);
    feature_vector_clear(&maker->vector);
    add_names(maker, statistics, article);
    feature_vector_add_stems(&maker->vector, statistics, maker->stems, stems, settings->key_terms);
    feature_vector_finish(&maker->vector);
    *document = (struct document){
        .terms = maker->terms,
        .term_count = analysis.term_count,
        .features = &maker->vector,
        .length = analysis.length,
        .language = language_code(analysis.language),
        .signature = analysis.signature,
    };
}
