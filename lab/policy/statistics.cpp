#include "lab/policy/statistics.hpp"

#include <algorithm>
#include <cmath>

#include <boost/math/distributions/chi_squared.hpp>

namespace calbox::lab::policy {

double quantile(std::vector<double> samples, double share) {
    if (samples.empty()) {
        return 0;
    }
    const auto count = static_cast<double>(samples.size());
    const auto rank = static_cast<std::size_t>(std::ceil(share * count));
    const auto at = samples.begin() + static_cast<std::ptrdiff_t>(rank > 0 ? rank - 1 : 0);
    std::nth_element(samples.begin(), at, samples.end());
    return *at;
}

spread spread_of(const std::vector<std::uint32_t>& loads) {
    spread found;
    if (loads.empty()) {
        return found;
    }
    const auto count = static_cast<double>(loads.size());
    for (const std::uint32_t load : loads) {
        found.mean += load / count;
    }
    double squares = 0;
    for (const std::uint32_t load : loads) {
        squares += (load - found.mean) * (load - found.mean);
    }
    found.least = *std::ranges::min_element(loads);
    found.most = *std::ranges::max_element(loads);
    if (found.mean > 0) {
        found.max_over_mean = found.most / found.mean;
        found.variation = std::sqrt(squares / count) / found.mean;
    }
    return found;
}

double evenness_p(const std::vector<std::uint32_t>& loads) {
    const double mean = spread_of(loads).mean;
    if (loads.size() < 2 || mean <= 0) {
        return 1;
    }
    double chi_squared = 0;
    for (const std::uint32_t load : loads) {
        chi_squared += (load - mean) * (load - mean) / mean;
    }
    const boost::math::chi_squared distribution(static_cast<double>(loads.size() - 1));
    return boost::math::cdf(boost::math::complement(distribution, chi_squared));
}

}  // namespace calbox::lab::policy
