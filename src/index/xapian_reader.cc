#include "index/xapian_search.hh"

#include <algorithm>
#include <new>

namespace
{
struct opened_database {
    uint64_t key;
    uint64_t version;
    Xapian::Database database;
    bool ahead; // holds more than its source says
};
} // namespace

struct xapian_reader {
    std::vector<opened_database> opened;
    std::vector<std::pair<uint64_t, uint64_t>> combined_of; // key, version
    Xapian::Database combined;
    bool combined_fits = true; // its docids fit into 32 bits
    bool ahead = false;        // one of them is ahead of its source
    bool doubtful = false;     // the last search failed, perhaps because of a writer
    std::vector<xapian_hit> hits;
};

struct xapian_reader *xapian_reader_new(void)
{
    struct xapian_reader *reader = new (std::nothrow) xapian_reader;
    if (reader == nullptr)
        abort();
    return reader;
}

static void forget_combined(struct xapian_reader *reader)
{
    reader->combined = Xapian::Database();
    reader->combined_of.clear();
}

static void forget_all(struct xapian_reader *reader) noexcept
{
    xapian_guard(nullptr, "", false, [&] {
        reader->combined_of.clear();
        reader->opened.clear();
        forget_combined(reader);
    });
}

void xapian_reader_free(struct xapian_reader *reader)
{
    xapian_guard(nullptr, "", false, [&] { delete reader; });
}

void xapian_reader_keep(struct xapian_reader *reader, const struct xapian_source *sources, size_t count)
{
    auto is_gone = [&](const opened_database &opened) {
        return std::none_of(sources, sources + count,
                            [&](const xapian_source &source) { return source.key == opened.key; });
    };
    xapian_guard(nullptr, "", false, [&] {
        auto gone = std::remove_if(reader->opened.begin(), reader->opened.end(), is_gone);
        if (gone == reader->opened.end())
            return;
        forget_combined(reader);
        reader->opened.erase(gone, reader->opened.end());
    });
}

static bool is_ahead(const Xapian::Database &database, const xapian_source &source)
{
    return source.documents != 0 && database.get_doccount() != source.documents;
}

// The source's database as of at least its version.
static opened_database &open_source(struct xapian_reader *reader, const struct xapian_source &source)
{
    for (opened_database &opened : reader->opened) {
        if (opened.key != source.key)
            continue;
        if (opened.version != source.version) {
            opened.database.reopen();
            opened.version = source.version;
            opened.ahead = is_ahead(opened.database, source);
        }
        return opened;
    }
    Xapian::Database database(source.path);
    reader->opened.push_back({source.key, source.version, database, is_ahead(database, source)});
    return reader->opened.back();
}

static bool is_combined(const struct xapian_reader *reader, const struct xapian_source *sources, size_t count)
{
    if (reader->combined_of.size() != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (reader->combined_of[i] != std::make_pair(sources[i].key, sources[i].version))
            return false;
    }
    return true;
}

// All sources as one database; kept until a search asks for others.
static void combine(struct xapian_reader *reader, const struct xapian_source *sources, size_t count)
{
    if (is_combined(reader, sources, count))
        return;
    forget_combined(reader);
    Xapian::docid last = 0;
    reader->ahead = false;
    for (size_t i = 0; i < count; i++) {
        const opened_database &opened = open_source(reader, sources[i]);
        last = std::max(last, opened.database.get_lastdocid());
        reader->combined.add_database(opened.database);
        reader->ahead = reader->ahead || opened.ahead;
    }
    reader->combined_fits = static_cast<uint64_t>(last) * count <= UINT32_MAX;
    for (size_t i = 0; i < count; i++)
        reader->combined_of.emplace_back(sources[i].key, sources[i].version);
}

namespace
{
// Asks the caller about each candidate, counts, and keeps an eye on the time. Xapian hands over the docid of
// the segment, which is the global one.
class candidate_check : public Xapian::MatchDecider
{
  public:
    candidate_check(const struct xapian_search *of, stop_watch *time) : search(of), watch(time)
    {
    }

    bool operator()(const Xapian::Document &document) const override
    {
        watch->tick(64);
        if (search->accept != nullptr && !search->accept(search->accept_context, document.get_docid()))
            return false;
        accepted++;
        return true;
    }

    mutable size_t accepted = 0;

  private:
    const struct xapian_search *search;
    stop_watch *watch;
};

// One search on its way.
struct search_run {
    const struct xapian_search *search;
    stop_watch *watch;
    search_plan plan;
    Xapian::Query query;
    std::vector<xapian_hit> *hits;
    size_t total;
    bool total_exact;
};
} // namespace

static Xapian::doccount clamp(size_t count, const Xapian::Database &database)
{
    return static_cast<Xapian::doccount>(std::min<size_t>(count, database.get_doccount()));
}

// True for terms of which any is enough: Xapian knows at once how many documents match at least, and of a
// single term how many.
static bool is_union(const struct query_node *node)
{
    bool all = node->op == QUERY_TERM || node->op == QUERY_OR;
    for (size_t i = 0; all && i < node->child_count; i++)
        all = is_union(node->children[i]);
    return all;
}

// While documents are only counted none is passed by, which costs as much as all the rest of a search for
// frequent words: it is left out where so many match in any case.
static Xapian::MSet find_matches(const Xapian::Enquire &enquire, const struct xapian_search *search,
                                 const Xapian::Database &database, size_t offset, size_t limit,
                                 const Xapian::MatchDecider *decider)
{
    const Xapian::doccount first = clamp(offset, database), wanted = clamp(limit, database),
                           checked = clamp(search->check_at_least, database);
    // Xapian knows that it has seen all only if it was to check more than there are
    const Xapian::doccount more = clamp(static_cast<size_t>(checked) + 1, database);
    if (decider == nullptr && checked < database.get_doccount() && is_union(search->query)) {
        const Xapian::MSet found = enquire.get_mset(first, wanted);
        if (found.get_matches_lower_bound() > checked ||
            found.get_matches_lower_bound() == found.get_matches_upper_bound())
            return found;
    }
    return enquire.get_mset(first, wanted, more, nullptr, decider);
}

// Matches from `offset` in one (perhaps combined) database, added to the hits and the totals. Docids are the
// database's.
static void run_enquire(struct search_run &run, const Xapian::Database &database, size_t offset, size_t limit)
{
    const struct xapian_search *search = run.search;
    Xapian::Enquire enquire(database);
    enquire.set_query(run.query);
    if (search->ranked)
        enquire.set_weighting_scheme(impact_weight(run.plan));
    else
        enquire.set_weighting_scheme(no_weight());
    const bool decide = search->accept != nullptr || (!search->ranked && search->deadline != 0);
    const candidate_check check(search, run.watch);
    const Xapian::MSet found =
        find_matches(enquire, search, database, offset, limit, decide ? &check : nullptr);
    for (Xapian::MSetIterator i = found.begin(); i != found.end(); ++i)
        run.hits->push_back({*i, static_cast<float>(i.get_weight())});
    // a decider sees every match while the list of hits is not full or more must be looked at
    if (decide && (check.accepted < offset + limit || search->check_at_least >= database.get_doccount())) {
        run.total += check.accepted;
    } else {
        run.total += std::max<size_t>(found.get_matches_estimated(), decide ? check.accepted : 0);
        if (found.get_matches_lower_bound() != found.get_matches_upper_bound())
            run.total_exact = false;
    }
}

static void search_combined(struct xapian_reader *reader, struct search_run &run)
{
    run_enquire(run, reader->combined, run.search->offset, run.search->limit);
    const Xapian::docid sources = static_cast<Xapian::docid>(run.search->source_count);
    for (xapian_hit &hit : reader->hits)
        hit.docid = (hit.docid - 1) / sources + 1;
}

static void search_one_by_one(struct xapian_reader *reader, struct search_run &run)
{
    const struct xapian_search *search = run.search;
    const size_t wanted =
        search->limit < SIZE_MAX - search->offset ? search->offset + search->limit : SIZE_MAX;
    std::vector<xapian_hit> &hits = reader->hits;
    for (size_t i = 0; i < search->source_count; i++)
        run_enquire(run, open_source(reader, search->sources[i]).database, 0, wanted);
    std::stable_sort(hits.begin(), hits.end(), [](const xapian_hit &a, const xapian_hit &b) {
        return a.score != b.score ? a.score > b.score : a.docid < b.docid;
    });
    hits.erase(hits.begin(),
               hits.begin() + static_cast<std::ptrdiff_t>(std::min(search->offset, hits.size())));
    if (hits.size() > search->limit)
        hits.resize(search->limit);
}

static void run_search(struct xapian_reader *reader, const struct xapian_search *asked,
                       struct xapian_result *result)
{
    stop_watch watch(asked->deadline);
    watch.check();
    reader->hits.clear();
    combine(reader, asked->sources, asked->source_count);
    struct xapian_search used = *asked;
    if (used.accept_if_ahead && !reader->ahead)
        used.accept = nullptr;
    const struct xapian_search *search = &used;
    struct search_run run = {
        search, &watch, {&watch, search->wildcard_expansions, false, {}}, {}, &reader->hits, 0, true};
    if (search->source_count > 0) {
        run.plan.own_idf = !reader->combined_fits;
        for (size_t i = 0; i < search->source_count; i++)
            run.plan.parts.push_back(open_source(reader, search->sources[i]).database);
        run.query = build_query(search->query, reader->combined, run.plan);
        if (reader->combined_fits)
            search_combined(reader, run);
        else
            search_one_by_one(reader, run);
    }
    *result = {reader->hits.data(), reader->hits.size(), run.total, run.total_exact, false};
}

static bool any_changing(const struct xapian_source *sources, size_t count)
{
    return std::any_of(sources, sources + count,
                       [](const xapian_source &source) { return source.version != 0; });
}

// What a reader finds wrong with a database that is being written to may only be that. Everything is opened
// anew then, so the same trouble a second time in a row is real.
template <typename Work>
static int guard_reading(struct xapian_reader *reader, const struct xapian_source *sources, size_t count,
                         struct error *error, Work &&work) noexcept
{
    const bool changing = !reader->doubtful && any_changing(sources, count);
    const int status = xapian_guard(error, "search", changing, work);
    reader->doubtful = status == XAPIAN_STALE && !reader->doubtful;
    if (status != XAPIAN_OK && status != XAPIAN_DEADLINE && status != XAPIAN_BAD_QUERY)
        forget_all(reader);
    return status;
}

int xapian_search(struct xapian_reader *reader, const struct xapian_search *search,
                  struct xapian_result *result, struct error *error)
{
    return guard_reading(reader, search->sources, search->source_count, error,
                         [&] { run_search(reader, search, result); });
}

int xapian_term_frequency(struct xapian_reader *reader, const struct xapian_source *sources, size_t count,
                          const char *term, size_t length, uint32_t *frequency, struct error *error)
{
    return guard_reading(reader, sources, count, error, [&] {
        combine(reader, sources, count);
        *frequency = count == 0 ? 0 : reader->combined.get_termfreq(std::string(term, length));
    });
}
