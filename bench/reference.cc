// reference.cc - what Xapian itself needs: the yardstick of scripts/bench.
//
// C++ lives in src/index/xapian*.cc alone; this benchmark is the one exception, because it measures Xapian's
// own interface without storyd's wrapper.
//
//   reference build ARTICLES DIRECTORY           one database of the articles, on one core, then compacted
//   reference build-light ARTICLES DIRECTORY     the same without positions
//   reference run DIRECTORY REQUESTS [COUNT]     the same SEARCH and RELATED lines that storyd gets
//   reference rank DIRECTORY REQUESTS            what RELATED lines find: a line of ids for each
//
// Documents have the terms that storyd indexes, made by the same code; the wdf is the plain term frequency (a
// title word counts as often as in storyd) and Xapian's own BM25Weight ranks. Tags get a wdf of 1, so that
// they add to the score of a RELATED. The date is a value, the card is the document's data. Each query
// fetches the data of its ten documents. The docid is the number of the article's line.
//
// Positions are most of what Xapian writes, and RELATED's OR does not read them: without them a million
// articles are indexed in a part of an hour.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <jansson.h>
#include <string>
#include <unordered_map>
#include <vector>
#include <xapian.h>

// In C a struct and a function may share a name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#include "article/article.h"
#include "base/clock.h"
#include "base/date.h"
#include "lines.h"
#include "query/query.h"
#include "samples.h"
#include "text/analyse.h"
}
#pragma GCC diagnostic pop

namespace
{
const double title_weight = 2; // index.title_weight
const Xapian::valueno date_slot = 0;
const size_t best_words = 25;
const Xapian::doccount hits_wanted = 10;

double seconds_of(int64_t nanoseconds)
{
    return static_cast<double>(nanoseconds) / NANOSECONDS_PER_SECOND;
}

// ---- building ----

class builder
{
  public:
    builder(const std::string &directory, bool positions)
        : with_positions(positions),
          database(directory + "/growing", Xapian::DB_CREATE_OR_OVERWRITE | Xapian::DB_BACKEND_GLASS),
          ids(fopen((directory + "/ids").c_str(), "w"))
    {
    }

    ~builder()
    {
        if (ids != nullptr)
            fclose(ids);
        analyser_free(words);
        buffer_release(&card);
    }

    void add(const struct line &line, Xapian::docid docid)
    {
        int64_t before = clock_now();
        struct article *article = nullptr;
        struct error error = ERROR_INIT;
        if (article_from_text(line.text, line.length, &article, &error) != 0)
            return;
        struct analysis analysis;
        analyser_run(words, article, language_find("en"), &analysis);
        buffer_clear(&card);
        article_write_card(article, &card);
        int64_t prepared = clock_now();
        preparing += prepared - before;
        database.replace_document(docid, make_document(analysis, *article));
        adding += clock_now() - prepared;
        fprintf(ids, "%u %s\n", docid, article->id);
        added++;
        article_free(article);
    }

    void commit()
    {
        int64_t before = clock_now();
        database.commit();
        adding += clock_now() - before;
    }

    void report(int64_t compacting) const
    {
        double add = seconds_of(adding);
        double all = seconds_of(adding + preparing);
        printf("{\"articles\":%zu,\"add_seconds\":%.2f,\"prepare_seconds\":%.2f,\"compact_seconds\":%.2f,"
               "\"add_per_second\":%.1f,\"prepare_and_add_per_second\":%.1f}\n",
               added, add, seconds_of(preparing), seconds_of(compacting), static_cast<double>(added) / add,
               static_cast<double>(added) / all);
    }

    const bool with_positions;
    Xapian::WritableDatabase database;

  private:
    Xapian::Document make_document(const struct analysis &analysis, const struct article &article)
    {
        Xapian::Document document;
        for (size_t i = 0; i < analysis.term_count; i++) {
            const struct analysed_term &term = analysis.terms[i];
            const std::string text(term.text, term.length);
            double count = term.body_count + title_weight * term.title_count;
            for (uint32_t k = 0; with_positions && k < term.position_count; k++)
                document.add_posting(text, term.positions[k], 0);
            bool is_tag = text[0] == term_fields[FIELD_TAG].prefix[0];
            document.add_term(text, is_tag ? 1 : static_cast<Xapian::termcount>(std::lround(count)));
        }
        if (article.published != DATE_NONE)
            document.add_value(date_slot, Xapian::sortable_serialise(static_cast<double>(article.published)));
        document.set_data(std::string(card.data, card.length));
        return document;
    }

    FILE *ids;
    struct analyser *words = analyser_new();
    struct buffer card = BUFFER_INIT;
    int64_t preparing = 0;
    int64_t adding = 0;
    size_t added = 0;
};

int build(const std::string &articles, const std::string &directory, bool with_positions)
{
    struct lines lines;
    lines_load(&lines, articles.c_str(), 0);
    builder builder(directory, with_positions);
    for (size_t i = 0; i < lines.count; i++)
        builder.add(lines.items[i], static_cast<Xapian::docid>(i + 1));
    builder.commit();
    int64_t before = clock_now();
    builder.database.compact(directory + "/compacted", Xapian::DBCOMPACT_NO_RENUMBER |
                                                           Xapian::DBCOMPACT_SINGLE_FILE |
                                                           static_cast<unsigned>(Xapian::Compactor::FULL));
    builder.report(clock_now() - before);
    lines_release(&lines);
    return 0;
}

// ---- asking ----

Xapian::Query query_of(const struct query_node *node)
{
    static const std::unordered_map<int, Xapian::Query::op> operators = {
        {QUERY_OR, Xapian::Query::OP_OR},           {QUERY_AND, Xapian::Query::OP_AND},
        {QUERY_AND_NOT, Xapian::Query::OP_AND_NOT}, {QUERY_AND_MAYBE, Xapian::Query::OP_AND_MAYBE},
        {QUERY_FILTER, Xapian::Query::OP_FILTER},   {QUERY_PHRASE, Xapian::Query::OP_PHRASE}};
    if (node->op == QUERY_TERM)
        return Xapian::Query(std::string(node->term, node->term_length));
    if (node->op == QUERY_ALL)
        return Xapian::Query::MatchAll;
    std::vector<Xapian::Query> children;
    for (size_t i = 0; i < node->child_count; i++)
        children.push_back(query_of(node->children[i]));
    return Xapian::Query(operators.at(node->op), children.begin(), children.end(), node->window);
}

struct prepared {
    Xapian::Query query;
    bool newest = false;
};

class asker
{
  public:
    explicit asker(const std::string &directory) : database(directory + "/compacted")
    {
        FILE *file = fopen((directory + "/ids").c_str(), "r");
        unsigned docid;
        char id[ARTICLE_ID_MAX + 1];
        while (file != nullptr && fscanf(file, "%u %200[^\n]", &docid, id) == 2) {
            docids[id] = docid;
            names[docid] = id;
        }
        if (file != nullptr)
            fclose(file);
    }

    ~asker()
    {
        stemmer_set_free(stemmers);
    }

    prepared prepare(const struct line &line)
    {
        const char *blank = static_cast<const char *>(memchr(line.text, ' ', line.length));
        std::string verb(line.text, blank == nullptr ? line.length : static_cast<size_t>(blank - line.text));
        json_t *arguments = json_loadb(blank + 1, line.length - verb.size() - 1, 0, nullptr);
        prepared ready;
        if (verb == "RELATED")
            ready.query = related(json_string_value(json_object_get(arguments, "id")));
        else
            ready = search(arguments);
        json_decref(arguments);
        return ready;
    }

    // Returns the number of hits.
    size_t ask(const prepared &ready)
    {
        Xapian::Enquire enquire(database);
        enquire.set_weighting_scheme(Xapian::BM25Weight(1, 0, 1.2, 0.75, 0));
        enquire.set_query(ready.query);
        if (ready.newest)
            enquire.set_sort_by_value(date_slot, true);
        Xapian::MSet hits = enquire.get_mset(0, hits_wanted);
        for (Xapian::MSetIterator i = hits.begin(); i != hits.end(); ++i)
            bytes += i.get_document().get_data().size();
        return hits.size();
    }

    // The ten best for an article besides itself.
    void print_related(const struct line &line)
    {
        const char *blank = static_cast<const char *>(memchr(line.text, ' ', line.length));
        json_t *arguments =
            json_loadb(blank + 1, line.length - static_cast<size_t>(blank + 1 - line.text), 0, nullptr);
        const std::string id = json_string_value(json_object_get(arguments, "id"));
        json_decref(arguments);
        Xapian::Enquire enquire(database);
        enquire.set_weighting_scheme(Xapian::BM25Weight(1, 0, 1.2, 0.75, 0));
        enquire.set_query(related(id.c_str()));
        Xapian::MSet hits = enquire.get_mset(0, hits_wanted + 1);
        Xapian::doccount shown = 0;
        for (Xapian::MSetIterator i = hits.begin(); i != hits.end() && shown < hits_wanted; ++i)
            if (names.at(*i) != id)
                printf("%s%s", shown++ == 0 ? "" : "\t", names.at(*i).c_str());
        printf("\n");
    }

    size_t bytes = 0;

  private:
    prepared search(const json_t *arguments)
    {
        static const struct query_limits limits = {65536, 1000, 100, 4, 3, 100, 64};
        const json_t *text = json_object_get(arguments, "query");
        const char *sort = json_string_value(json_object_get(arguments, "sort"));
        struct query *parsed = nullptr;
        struct error error = ERROR_INIT;
        if (query_parse(json_string_value(text), json_string_length(text), language_find("en"), stemmers,
                        &limits, &parsed, &error) != 0) {
            fprintf(stderr, "%s\n", error.message);
            exit(1);
        }
        prepared ready;
        ready.newest = sort != nullptr && strcmp(sort, "newest") == 0;
        ready.query = filtered(query_of(parsed->root), json_object_get(arguments, "filter"));
        query_free(parsed);
        return ready;
    }

    static Xapian::Query filtered(Xapian::Query query, const json_t *filter)
    {
        const json_t *tags = json_object_get(filter, "tags");
        std::vector<Xapian::Query> any;
        for (size_t i = 0; i < json_array_size(tags); i++)
            any.push_back(Xapian::Query(name_term(json_string_value(json_array_get(tags, i)))));
        if (!any.empty())
            query = Xapian::Query(Xapian::Query::OP_FILTER, query,
                                  Xapian::Query(Xapian::Query::OP_OR, any.begin(), any.end()));
        const json_t *published = json_object_get(filter, "published");
        if (published == nullptr)
            return query;
        int64_t from = date(json_object_get(published, "from"), false);
        int64_t to = date(json_object_get(published, "to"), true);
        return Xapian::Query(Xapian::Query::OP_FILTER, query,
                             Xapian::Query(Xapian::Query::OP_VALUE_RANGE, date_slot,
                                           Xapian::sortable_serialise(static_cast<double>(from)),
                                           Xapian::sortable_serialise(static_cast<double>(to))));
    }

    static int64_t date(const json_t *text, bool end)
    {
        int64_t first = 0;
        int64_t last = 0;
        date_parse(json_string_value(text), json_string_length(text), &first, &last);
        return end ? last : first;
    }

    static std::string name_term(const char *name)
    {
        struct buffer term = BUFFER_INIT;
        term_for_name(FIELD_TAG, name, strlen(name), &term);
        std::string text(term.data, term.length);
        buffer_release(&term);
        return text;
    }

    // The article's best words by tf-idf, and its tags.
    Xapian::Query related(const char *id)
    {
        std::vector<std::pair<double, std::string>> stems;
        std::vector<Xapian::Query> any;
        Xapian::docid docid = docids.at(id);
        for (Xapian::TermIterator i = database.termlist_begin(docid); i != database.termlist_end(docid);
             ++i) {
            const std::string term = *i;
            if (term[0] == term_fields[FIELD_TAG].prefix[0])
                any.push_back(Xapian::Query(term));
            if (term[0] >= 'A' && term[0] <= 'Z')
                continue;
            double frequency = i.get_termfreq();
            if (frequency > 1)
                stems.emplace_back(i.get_wdf() * std::log(database.get_doccount() / frequency), term);
        }
        std::sort(stems.rbegin(), stems.rend());
        for (size_t i = 0; i < stems.size() && i < best_words; i++)
            any.push_back(Xapian::Query(stems[i].second));
        return Xapian::Query(Xapian::Query::OP_OR, any.begin(), any.end());
    }

    Xapian::Database database;
    std::unordered_map<std::string, Xapian::docid> docids;
    std::unordered_map<Xapian::docid, std::string> names;
    struct stemmer_set *stemmers = stemmer_set_new();
};

int run(const std::string &directory, const std::string &requests, size_t count)
{
    struct lines lines;
    struct samples samples = {nullptr, 0, 0};
    lines_load(&lines, requests.c_str(), 0);
    asker asker(directory);
    std::vector<prepared> ready;
    size_t hits = 0;
    for (size_t i = 0; i < lines.count; i++)
        ready.push_back(asker.prepare(lines.items[i]));
    for (const prepared &query : ready) // once to warm up
        hits += asker.ask(query);
    if (count == 0)
        count = ready.size();
    for (size_t i = 0; i < count && !ready.empty(); i++) {
        int64_t before = clock_now();
        asker.ask(ready[i % ready.size()]);
        samples_add(&samples, clock_now() - before);
    }
    printf("{");
    samples_print(&samples);
    printf(",\"hits\":%.2f}\n",
           static_cast<double>(hits) / static_cast<double>(ready.empty() ? 1 : ready.size()));
    samples_release(&samples);
    lines_release(&lines);
    return 0;
}

int rank(const std::string &directory, const std::string &requests)
{
    struct lines lines;
    lines_load(&lines, requests.c_str(), 0);
    asker asker(directory);
    for (size_t i = 0; i < lines.count; i++)
        asker.print_related(lines.items[i]);
    lines_release(&lines);
    return 0;
}
} // namespace

int main(int count, char **words)
{
    try {
        const std::string mode = count > 1 ? words[1] : "";
        size_t number = count == 5 ? strtoull(words[4], nullptr, 10) : 0;
        if ((mode == "build" || mode == "build-light") && count == 4)
            return build(words[2], words[3], mode == "build");
        if (mode == "run" && (count == 4 || count == 5))
            return run(words[2], words[3], number);
        if (mode == "rank" && count == 4)
            return rank(words[2], words[3]);
    } catch (const Xapian::Error &failure) {
        fprintf(stderr, "reference: %s\n", failure.get_description().c_str());
        return 1;
    } catch (const std::exception &failure) {
        fprintf(stderr, "reference: %s\n", failure.what());
        return 1;
    }
    fputs("usage: reference build|build-light ARTICLES DIRECTORY\n"
          "       reference run DIRECTORY REQUESTS [COUNT]\n"
          "       reference rank DIRECTORY REQUESTS\n",
          stderr);
    return 2;
}
