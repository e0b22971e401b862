#include "storage/engine/checkpoint.hpp"
#include "storage/base/coding.hpp"

namespace treadmill {

std::string checkpoint::encode() const {
  std::string out;
  put_hash(out, log_id);
  put_varint(out, sequence);
  put_hash(out, chain);
  return out;
}

result<checkpoint> checkpoint::decode(std::string_view bytes) {
  checkpoint read;
  if (!take_hash(bytes, read.log_id) || !take_varint(bytes, read.sequence) ||
      !take_hash(bytes, read.chain) || !bytes.empty()) {
    return fail(ec::corrupt, "a stored checkpoint cannot be read");
  }
  return read;
}

} // namespace treadmill
