#include "feed.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace {

// A descriptor that closes itself.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

Feed Feed::open(const std::string& path) {
  const auto refuse = [&](const char* why) { throw FeedError(path + ": " + why); };
  // Without O_NONBLOCK a FIFO would keep the call until somebody writes.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat about {};
  if (file.number < 0 || fstat(file.number, &about) != 0) refuse(std::strerror(errno));
  if (S_ISDIR(about.st_mode)) refuse("is a directory; give a file of ITCH messages");
  if (!S_ISREG(about.st_mode)) refuse("is no regular file; save the feed to one first");
  if (about.st_size == 0) refuse("byte 0: the feed is empty");

  Feed feed;
  feed.mapped_size_ = static_cast<std::size_t>(about.st_size);
  void* const mapped = mmap(nullptr, feed.mapped_size_, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (mapped == MAP_FAILED) refuse(std::strerror(errno));
  madvise(mapped, feed.mapped_size_, MADV_SEQUENTIAL);
  feed.mapped_ = static_cast<const unsigned char*>(mapped);
  return feed;
}

Feed Feed::of(std::vector<unsigned char> bytes) {
  Feed feed;
  feed.bytes_ = std::move(bytes);
  return feed;
}

Feed::Feed(Feed&& other) noexcept
    : bytes_(std::move(other.bytes_)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      mapped_size_(std::exchange(other.mapped_size_, 0)) {}

Feed::~Feed() {
  if (mapped_) munmap(const_cast<unsigned char*>(mapped_), mapped_size_);
}

void Feed::save(const std::string& path) const {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(data()), static_cast<std::streamsize>(size()));
  file.close();
  if (!file) throw std::runtime_error(path + ": cannot be written: " + std::strerror(errno));
}
