// Figures of samples. Values; no thread rules.
#pragma once

#include <cstdint>
#include <vector>

namespace calbox::lab::policy {

/// The sample below which this share of them lies, 0 to 1 (nearest rank); 0 when there is none.
double quantile(std::vector<double> samples, double share);

struct spread {
    double mean = 0, least = 0, most = 0;
    double max_over_mean = 0;
    double variation = 0;  // standard deviation over mean
};
spread spread_of(const std::vector<std::uint32_t>& loads);

/// How probable loads at least as uneven are when every edge takes any rendezvous with equal
/// probability (Pearson's chi-squared test of goodness of fit).
double evenness_p(const std::vector<std::uint32_t>& loads);

}  // namespace calbox::lab::policy
