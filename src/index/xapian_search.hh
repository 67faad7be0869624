// xapian_search.hh - the parts of one search: its time, its weights, its Xapian query.
//
// Scores are idf * impact / IMPACT_SCALE. The statistics are those of all sources together, so that a
// document's score does not depend on which segment it lies in: a search runs over one combined Database,
// whose statistics Xapian sums up. Measured over 11 segments that is also 15 to 25 % faster than a search in
// each segment with the lowest useful score handed on. It numbers documents (docid - 1) * sources + source +
// 1, in 32 bits: where that does not fit, the segments are searched one by one with the idf worked out
// beforehand (`own_idf`).
#ifndef STORYD_INDEX_XAPIAN_SEARCH_HH
#define STORYD_INDEX_XAPIAN_SEARCH_HH

#include "index/xapian_private.hh"

// The time a search may take; shared by all that is asked while it runs.
class stop_watch
{
  public:
    explicit stop_watch(int64_t until) : deadline(until)
    {
    }

    void check() const
    {
        if (deadline != 0 && clock_now() > deadline)
            throw deadline_passed();
    }

    // Looks at the clock in every `period`th call; a power of two.
    void tick(unsigned period)
    {
        if ((++calls & (period - 1)) == 0)
            check();
    }

  private:
    int64_t deadline;
    unsigned calls = 0;
};

struct search_plan {
    stop_watch *watch;
    uint32_t wildcard_expansions;
    bool own_idf;                        // each term carries its idf as its factor
    std::vector<Xapian::Database> parts; // of the combined database
};

double impact_idf(Xapian::doccount documents, Xapian::doccount frequency);

// The Xapian query for the tree; terms are counted, and wildcards looked up, in `database`.
Xapian::Query build_query(const struct query_node *node, const Xapian::Database &database,
                          const search_plan &plan);

class impact_weight : public Xapian::Weight
{
  public:
    explicit impact_weight(const search_plan &how);
    impact_weight *clone() const override;
    std::string name() const override;
    void init(double factor) override;
    double get_sumpart(Xapian::termcount wdf, Xapian::termcount, Xapian::termcount) const override;
    double get_maxpart() const override;
    double get_sumextra(Xapian::termcount, Xapian::termcount) const override;
    double get_maxextra() const override;

  private:
    const search_plan &plan;
    double scale = 0; // idf / IMPACT_SCALE
};

// For searches without ranking. Like Xapian's BoolWeight, but it claims to need the wdf: where a term is in
// every document Xapian would else read the list of all documents in its place, which 1.4.22 cannot do when
// docids have gaps
// ("Unexpected end of posting list").
class no_weight : public Xapian::Weight
{
  public:
    no_weight();
    no_weight *clone() const override;
    void init(double factor) override;
    double get_sumpart(Xapian::termcount, Xapian::termcount, Xapian::termcount) const override;
    double get_maxpart() const override;
    double get_sumextra(Xapian::termcount, Xapian::termcount) const override;
    double get_maxextra() const override;
};

#endif
