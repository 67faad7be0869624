/*
 * document.h - an article made ready for the index: Xapian terms with impacts, and its feature vector.
 *
 * The one way from text to postings, for the hot segment, bulk building and reindex alike. A maker belongs to
 * one thread; what it makes is valid until its next use.
 */
#ifndef STORYD_INDEX_DOCUMENT_H
#define STORYD_INDEX_DOCUMENT_H

#include "index/feature_vector.h"
#include "index/xapian.h"
#include "text/analyse.h"

/* What a generation fixes for all its documents. */
struct document_settings {
    const struct language *default_language;
    double title_weight;   /* a title word counts this often */
    double average_length; /* words; frozen for each generation */
    size_t key_terms;
    bool find_names;        /* in the texts of articles that name no people and organizations */
    double copy_similarity; /* articles that resemble each other so much are copies of one story */
};

/* A name that was recognised in the text, not given, has a second term, its own behind this: so that names of
 * which there are only recognitions can be told from those that articles are given. */
#define DOCUMENT_FOUND_PREFIX "XF"

/* Used while a generation has no articles to average over. */
#define DOCUMENT_LENGTH_GUESS 300.0

/*
 * The finished BM25 tf part, (k1 + 1) tf / (tf + k1 (1 - b + b length / average)), times IMPACT_SCALE,
 * rounded, 1 to IMPACT_MAX. k1 = 1.2 and b = 0.75, the values of Robertson and Zaragoza 2009 (doc/quality.md
 * has what else was tried).
 */
uint32_t document_impact(double term_frequency, double length, double average_length);

struct document {
    const struct xapian_term *terms;
    size_t term_count;
    const struct feature_vector *features;
    uint32_t length;      /* words */
    const char *language; /* code in force */
    const struct gazetteer_name
        *found; /* names recognised in the text, each once; terms and features as well */
    size_t found_count;
    const struct signature *signature;
};

struct document_maker;
struct document_maker *document_maker_new(void);
void document_maker_free(struct document_maker *maker);
void document_make(struct document_maker *maker, const struct document_settings *settings,
                   const struct statistics *statistics, const struct article *article,
                   struct document *document);

#endif
