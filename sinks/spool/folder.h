// The few things that a spool asks of a file system, so that tests can bring one that crashes,
// loses what was not synced and flips bits. posix_folder() is the real one. Objects belong to one
// thread at a time, except File::sync(), which may run beside the others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"

namespace fedwave::sinks {

class File {
 public:
  virtual ~File() = default;
  // Adds both pieces at the end, in one go where the system can. After an error any part of them
  // may be there.
  virtual base::Expected<void> append(std::string_view first, std::string_view second) = 0;
  virtual base::Expected<void> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  // Fewer bytes than asked for at the end of the file.
  virtual base::Expected<std::string> read_at(std::uint64_t offset, std::size_t size) = 0;
  virtual base::Expected<std::uint64_t> size() = 0;
  virtual base::Expected<void> truncate(std::uint64_t size) = 0;
  virtual base::Expected<void> sync() = 0;  // content, not the name in the folder
  // False when somebody has deleted the file, or its folder, under us.
  virtual bool has_name() = 0;
};

// Held for as long as it lives.
class FolderLock {
 public:
  virtual ~FolderLock() = default;
};

enum class OpenMode : std::uint8_t {
  Read,       // has to be there
  ReadWrite,  // made when it is not there
  CreateNew,  // must not be there yet
};

class Folder {
 public:
  virtual ~Folder() = default;
  [[nodiscard]] virtual const std::string& path() const = 0;
  // Makes the folder and those above it where they are missing.
  virtual base::Expected<void> make() = 0;
  virtual base::Expected<std::vector<std::string>> names() = 0;  // of the files, sorted
  virtual base::Expected<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) = 0;
  virtual base::Expected<void> remove(const std::string& name) = 0;
  virtual base::Expected<void> sync() = 0;  // names: what was created and removed
  // Error InUse, naming the process, when another one has it.
  virtual base::Expected<std::unique_ptr<FolderLock>> lock() = 0;
};

std::unique_ptr<Folder> posix_folder(std::string path);

}  // namespace fedwave::sinks
