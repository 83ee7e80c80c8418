// Runs a fuzz target without libFuzzer: over every file of the folders named, and over a fixed
// number of mutations of each, made from a fixed seed.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kMutationsPerFile = 500;

std::vector<std::uint8_t> mutate(std::vector<std::uint8_t> bytes, std::mt19937& random) {
  const auto pick = [&random](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (std::size_t changes = 1 + pick(4); changes > 0; --changes) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(pick(bytes.size()));
    switch (pick(4)) {
      case 0:
        if (!bytes.empty()) *at = static_cast<std::uint8_t>(random());
        break;
      case 1:
        bytes.insert(at, static_cast<std::uint8_t>("\"{}\\\n,=# -:"[pick(11)]));
        break;
      case 2:
        if (!bytes.empty()) bytes.erase(at);
        break;
      default:
        bytes.erase(at, bytes.end());
        break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  std::mt19937 random(1);
  long inputs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)),
                                            std::istreambuf_iterator<char>());
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      for (int m = 0; m < kMutationsPerFile; ++m, ++inputs) {
        const auto mutated = mutate(bytes, random);
        LLVMFuzzerTestOneInput(mutated.data(), mutated.size());
      }
    }
  }
  std::printf("%ld inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
