#include "index/xapian_search.hh"

#include <algorithm>

// Only what is asked for here is looked up: above all no document lengths, which are most of a BM25 search's
// time.
impact_weight::impact_weight(const search_plan &how) : plan(how)
{
    need_stat(WDF);
    need_stat(WDF_MAX); // known once the term's postings are open
    if (!plan.own_idf) {
        need_stat(COLLECTION_SIZE);
        need_stat(TERMFREQ);
    }
}

impact_weight *impact_weight::clone() const
{
    return new impact_weight(plan);
}

std::string impact_weight::name() const
{
    return "storyd::impact_weight";
}

void impact_weight::init(double factor)
{
    // a factor of 0 stands for the part that does not depend on a term: there is none
    double idf = factor == 0 || plan.own_idf ? 1.0 : impact_idf(get_collection_size(), get_termfreq());
    scale = factor * idf / IMPACT_SCALE;
}

double impact_weight::get_sumpart(Xapian::termcount wdf, Xapian::termcount, Xapian::termcount) const
{
    plan.watch->tick(1024);
    return scale * std::min<Xapian::termcount>(wdf, IMPACT_MAX); // the terms of a wildcard add up
}

// Xapian's own bound on the wdf is loose for frequent terms; that no impact is above IMPACT_MAX is what lets
// it prune.
double impact_weight::get_maxpart() const
{
    return scale * std::min<Xapian::termcount>(get_wdf_upper_bound(), IMPACT_MAX);
}

double impact_weight::get_sumextra(Xapian::termcount, Xapian::termcount) const
{
    return 0;
}

double impact_weight::get_maxextra() const
{
    return 0;
}

no_weight::no_weight()
{
    need_stat(WDF);
}

no_weight *no_weight::clone() const
{
    return new no_weight();
}

void no_weight::init(double)
{
}

double no_weight::get_sumpart(Xapian::termcount, Xapian::termcount, Xapian::termcount) const
{
    return 0;
}

double no_weight::get_maxpart() const
{
    return 0;
}

double no_weight::get_sumextra(Xapian::termcount, Xapian::termcount) const
{
    return 0;
}

double no_weight::get_maxextra() const
{
    return 0;
}
