// A copy that fork makes shares the memory's pages with its parent until it writes to one.
#pragma once

#include <cstddef>
#include <span>

namespace calbox::lab {

/// What malloc has asked the system for by brk, where nearly all of a world lies. Empty where the
/// system does not say.
std::span<std::byte> heap();

/// In a copy: gives it pages of its own, all at once. A world writes to two thirds of them, and a
/// page fault for each of those costs more. Where the kernel cannot (before 5.14), they come one by
/// one.
void own(std::span<std::byte> memory) noexcept;

}  // namespace calbox::lab
