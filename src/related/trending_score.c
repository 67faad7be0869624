#include "related/trending_score.h"

static double part(double count, double expected)
{
    return count * log(count / expected);
}

double trending_score(uint32_t window_articles, double window, uint32_t baseline_articles, double baseline)
{
    if (window_articles * baseline <= baseline_articles * window)
        return 0;
    double share = window / (window + baseline);
    double a = window_articles + share;
    double b = baseline_articles + (1 - share);
    double both = a + b;
    return sqrt(2 * (part(a, both * share) + part(b, both * (1 - share))));
}

/* What trending_estimate() says of `least`. */
static uint32_t guess(uint32_t window_articles, double window, double baseline, double least)
{
    double ratio = window / baseline;
    double root = sqrt(window_articles) - least * sqrt(1 + ratio) / 2;
    return root > 0 ? (uint32_t)(root * root / ratio) : 0;
}

/* Steps of growing width from the guess, then halving: each look is two logarithms. */
uint32_t trending_baselines(uint32_t window_articles, double window, double baseline, double least)
{
    uint32_t low = 0;                                                    /* before it all are good enough */
    uint32_t high = (uint32_t)(window_articles * baseline / window) + 1; /* from there on it does not rise */
    uint32_t at = guess(window_articles, window, baseline, least);
    at = at < high ? at : high - 1;
    uint32_t step = 1;
    if (trending_score(window_articles, window, at, baseline) >= least) {
        do {
            low = at + 1;
            at = high - at > step ? at + step : high;
            step *= 2;
        } while (at < high && trending_score(window_articles, window, at, baseline) >= least);
        high = at;
    } else {
        do {
            high = at;
            at = at > step ? at - step : 0;
            step *= 2;
        } while (high > 0 && trending_score(window_articles, window, at, baseline) < least);
        low = high > 0 ? at + 1 : 0;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (trending_score(window_articles, window, middle, baseline) >= least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
