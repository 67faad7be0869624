#include "index/xapian_search.hh"

#include "base/counters.h"

#include <algorithm>
#include <cmath>

namespace
{
// Terms looked at for one wildcard: bounds its time (0.3 ms or so), far above what it may stand for.
const size_t wildcard_scan_max = 2000;

// A term's own posting list, for terms that every document of a part has: see no_weight for why.
class term_source : public Xapian::PostingSource
{
  public:
    explicit term_source(const std::string &of) : term(of)
    {
    }

    term_source *clone() const override
    {
        return new term_source(term);
    }

    void init(const Xapian::Database &database) override
    {
        frequency = database.get_termfreq(term);
        at = database.postlist_begin(term);
        end = database.postlist_end(term);
        started = false;
    }

    Xapian::doccount get_termfreq_min() const override
    {
        return frequency;
    }

    Xapian::doccount get_termfreq_est() const override
    {
        return frequency;
    }

    Xapian::doccount get_termfreq_max() const override
    {
        return frequency;
    }

    void next(double) override
    {
        if (started)
            ++at;
        started = true;
    }

    void skip_to(Xapian::docid wanted, double) override
    {
        started = true;
        if (at != end)
            at.skip_to(wanted);
    }

    bool at_end() const override
    {
        return started && at == end;
    }

    Xapian::docid get_docid() const override
    {
        return *at;
    }

  private:
    std::string term;
    Xapian::PostingIterator at, end;
    Xapian::doccount frequency = 0;
    bool started = false;
};

// A list of all documents below this is in one piece and harmless.
const Xapian::doccount all_documents_safe = 300;

class query_builder
{
  public:
    query_builder(const Xapian::Database &over, const search_plan &how) : database(over), plan(how)
    {
    }

    Xapian::Query build(const query_node *node) const
    {
        switch (node->op) {
        case QUERY_NOTHING:
            return Xapian::Query::MatchNothing;
        case QUERY_ALL:
            return unweighted(Xapian::Query::MatchAll);
        case QUERY_TERM:
            return term(std::string(node->term, node->term_length), node->weighted);
        case QUERY_WILDCARD:
            return wildcard(std::string(node->term, node->term_length), node->weighted);
        case QUERY_OR:
            return group(Xapian::Query::OP_OR, node, 0);
        case QUERY_AND:
            return group(Xapian::Query::OP_AND, node, 0);
        case QUERY_AND_NOT:
            return first_and(Xapian::Query::OP_AND_NOT, Xapian::Query::OP_OR, node);
        case QUERY_AND_MAYBE:
            return first_and(Xapian::Query::OP_AND_MAYBE, Xapian::Query::OP_OR, node);
        case QUERY_FILTER:
            return first_and(Xapian::Query::OP_FILTER, Xapian::Query::OP_AND, node);
        case QUERY_PHRASE:
            return positional(Xapian::Query::OP_PHRASE, node);
        case QUERY_NEAR:
            return positional(Xapian::Query::OP_NEAR, node);
        }
        throw Xapian::InvalidArgumentError("unknown operator in a query");
    }

  private:
    static Xapian::Query unweighted(const Xapian::Query &query)
    {
        return Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, query, 0.0);
    }

    // True if some part of any size has the term in all its documents.
    bool is_everywhere(const std::string &text) const
    {
        const Xapian::doccount frequency = database.get_termfreq(text);
        for (const Xapian::Database &part : plan.parts) {
            const Xapian::doccount all = part.get_doccount();
            if (all >= all_documents_safe && frequency >= all && part.get_termfreq(text) == all)
                return true;
        }
        return false;
    }

    Xapian::Query term(const std::string &text, bool weighted) const
    {
        // a longer one would throw in the matcher; no document can have it
        if (text.empty() || text.size() > XAPIAN_TERM_MAX)
            return Xapian::Query::MatchNothing;
        if (!weighted && is_everywhere(text))
            return unweighted(Xapian::Query((new term_source(text))->release()));
        const Xapian::Query query(text);
        if (!weighted)
            return unweighted(query);
        if (!plan.own_idf)
            return query;
        return Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, query,
                             impact_idf(database.get_doccount(), database.get_termfreq(text)));
    }

    std::vector<Xapian::Query> children(const query_node *node, size_t from) const
    {
        std::vector<Xapian::Query> queries;
        queries.reserve(node->child_count);
        for (size_t i = from; i < node->child_count; i++)
            queries.push_back(build(node->children[i]));
        return queries;
    }

    Xapian::Query group(Xapian::Query::op op, const query_node *node, size_t from) const
    {
        const std::vector<Xapian::Query> queries = children(node, from);
        return Xapian::Query(op, queries.begin(), queries.end());
    }

    // The first child against the others, which are joined with `join` before.
    Xapian::Query first_and(Xapian::Query::op op, Xapian::Query::op join, const query_node *node) const
    {
        if (node->child_count == 0)
            return Xapian::Query::MatchNothing;
        const Xapian::Query first = build(node->children[0]);
        if (node->child_count == 1)
            return first;
        return Xapian::Query(op, first, group(join, node, 1));
    }

    // Xapian wants plain terms in a phrase; where idf is ours they are given weight beside it.
    Xapian::Query positional(Xapian::Query::op op, const query_node *node) const
    {
        std::vector<Xapian::Query> terms;
        for (size_t i = 0; i < node->child_count; i++) {
            if (node->children[i]->op != QUERY_TERM)
                throw Xapian::InvalidArgumentError("a phrase can hold terms only");
            terms.push_back(
                Xapian::Query(std::string(node->children[i]->term, node->children[i]->term_length)));
        }
        const Xapian::Query query(op, terms.begin(), terms.end(), node->window);
        if (!plan.own_idf)
            return query;
        return Xapian::Query(Xapian::Query::OP_FILTER, group(Xapian::Query::OP_AND, node, 0), query);
    }

    // Xapian's own wildcards open every term they match before they choose the most frequent. OP_SYNONYM
    // makes one term of them all, with one idf: else a single rare spelling would outweigh the word that was
    // meant. (OP_MAX crashes libxapian 1.4.22 where a segment has none of the terms.) How many documents have
    // one of them is Xapian's estimate, which differs a little between segments: scores of wildcards by up to
    // half a percent.
    Xapian::Query wildcard(const std::string &prefix, bool weighted) const
    {
        typedef std::pair<Xapian::doccount, std::string> candidate;
        std::vector<candidate> found;
        const Xapian::TermIterator end = database.allterms_end(prefix);
        for (Xapian::TermIterator i = database.allterms_begin(prefix); i != end; ++i) {
            if (found.size() % 64 == 63)
                plan.watch->check();
            found.emplace_back(i.get_termfreq(), *i);
            if (found.size() == wildcard_scan_max)
                break;
        }
        const size_t count = std::min<size_t>(found.size(), plan.wildcard_expansions);
        if (count < found.size())
            counter_add(COUNTER_WILDCARDS_CUT, 1);
        std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
                          [](const candidate &a, const candidate &b) {
                              return a.first != b.first ? a.first > b.first : a.second < b.second;
                          });
        std::vector<Xapian::Query> terms;
        double none = 1; // the part of the documents without any of them, were they independent
        for (size_t i = 0; i < count; i++) {
            terms.push_back(Xapian::Query(found[i].second));
            none *= 1 - found[i].first / static_cast<double>(database.get_doccount());
        }
        if (!weighted)
            return unweighted(Xapian::Query(Xapian::Query::OP_OR, terms.begin(), terms.end()));
        const Xapian::Query query(Xapian::Query::OP_SYNONYM, terms.begin(), terms.end());
        if (!plan.own_idf)
            return query;
        const double some = database.get_doccount() * (1 - none);
        return Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, query,
                             impact_idf(database.get_doccount(), static_cast<Xapian::doccount>(some + 0.5)));
    }

    const Xapian::Database &database;
    const search_plan &plan;
};
} // namespace

double impact_idf(Xapian::doccount documents, Xapian::doccount frequency)
{
    const double all = documents, some = frequency;
    return std::log(1 + (all - some + 0.5) / (some + 0.5));
}

Xapian::Query build_query(const query_node *node, const Xapian::Database &database, const search_plan &plan)
{
    return query_builder(database, plan).build(node);
}
