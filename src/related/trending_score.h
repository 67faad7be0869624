/*
 * trending_score.h - how surprising it is that a name is in so many articles of a window, after so many of a
 * baseline.
 *
 * The signed root of the log-likelihood ratio of two Poisson rates (Dunning 1993, "Accurate methods for the
 * statistics of surprise and coincidence"). With a articles in a window of w seconds, b in a baseline of v,
 * and one article more spread evenly over both, so that a single article against nothing says little:
 *
 *     a' = a + w/(w+v)    b' = b + v/(w+v)    n = a' + b'
 *     score = sqrt(2 (a' ln(a' (w+v) / (n w)) + b' ln(b' (w+v) / (n v))))    where a/w > b/v, else 0
 *
 * Pure functions. Any thread.
 */
#ifndef STORYD_RELATED_TRENDING_SCORE_H
#define STORYD_RELATED_TRENDING_SCORE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

double trending_score(uint32_t window_articles, double window, uint32_t baseline_articles, double baseline);

/*
 * A bound that needs neither root nor logarithm. With s = w/(w+v), n s of the n articles would be expected in
 * the window, and p = a'/n of them are in it. The score's square is 2 n times the relative entropy of p
 * against s,
 *
 *     the integral of (p - t) / (t (1-t)) over t from s to p.
 *
 * While p is not above 1-s, no t (1-t) there is below s (1-s), so
 *
 *     score^2 <= d / (s (1-s))    where d = (a' - n s)^2 / n
 *
 * This is the least d that a score needs then, less a thousandth: who computes d of floats is off by less.
 */
static inline double trending_deviation(double score, double share)
{
    return score * score * share * (1 - share) * 0.999;
}

/* True if the bound tells that a score is below the one that `deviation` is of; false if it does not tell. */
static inline bool trending_is_below(uint32_t window_articles, uint32_t baseline_articles, double share,
                                     double deviation)
{
    double a = window_articles + share;
    double both = (double)window_articles + baseline_articles + 1;
    double above = a - both * share;
    return a <= both * (1 - share) && (above <= 0 || above * above < deviation * both);
}

/* About trending_score(): the difference of the roots of two counts, whose variance does not depend on the
 * rates (Anscombe 1948). `ratio`: of window to baseline. Asked of every name, so it is inline. */
static inline float trending_estimate(uint32_t window_articles, uint32_t baseline_articles, float ratio)
{
    float expected = ((float)baseline_articles + 1) * ratio;
    return 2 * (sqrtf((float)window_articles) - sqrtf(expected)) / sqrtf(1 + ratio);
}

/* The fewest articles in the baseline with which the score is below `least`, which is above 0: with fewer it
 * is not. */
uint32_t trending_baselines(uint32_t window_articles, double window, double baseline, double least);

#endif
