#include "config/yaml.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>
#include <utility>

namespace fedwave::config {
namespace {

constexpr std::size_t kNodeBytes = 16;  // an empty value is not free of cost

// Ends the parse; a Problem in the making.
struct Stop {
  YAML::Mark mark;
  std::string what;
  std::string advice;
};

Position place(const YAML::Mark& mark, const Origin& origin) {
  if (origin.everything_at.line > 0) return origin.everything_at;
  if (origin.quoted != nullptr)
    return origin.quoted->in_file({std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1});
  if (mark.is_null()) return {origin.lines_before + 1, origin.columns_before + 1};
  return {mark.line + 1 + origin.lines_before, mark.column + 1 + origin.columns_before};
}

// The text by yaml-cpp's marks, for what its events do not tell.
class MarkedText {
 public:
  explicit MarkedText(std::string_view text) : text_(text), lines_(text) {}

  [[nodiscard]] std::size_t offset(const YAML::Mark& mark) const {
    return lines_.offset({mark.line + 1, mark.column + 1});
  }

  [[nodiscard]] YAML::Mark mark_at(std::size_t offset) const {
    const Position where = lines_.place(offset);
    YAML::Mark mark;
    mark.line = where.line - 1;
    mark.column = where.column - 1;
    return mark;
  }

  // yaml-cpp puts an escape that the text ends in beyond its end.
  [[nodiscard]] YAML::Mark within_text(const YAML::Mark& mark) const {
    return mark.is_null() ? mark : mark_at(offset(mark));
  }

  // yaml-cpp puts an element without a value at whatever comes next: back to its dash.
  [[nodiscard]] std::optional<YAML::Mark> dash_before(const YAML::Mark& mark) const {
    const std::size_t next = offset(mark);
    const std::size_t last = text_.substr(0, next).find_last_not_of(" \r\n");
    if (last == std::string_view::npos || text_[last] != '-') return std::nullopt;
    return mark_at(last);
  }

  // yaml-cpp takes the end of the text for a closing quote.
  [[nodiscard]] bool is_unclosed_quote(const YAML::Mark& mark) const {
    std::size_t at = offset(mark);
    while (at < text_.size() && (text_[at] == '&' || text_[at] == '!')) {
      at = std::min(text_.find_first_of(kBlanks, at), text_.size());
      at = std::min(text_.find_first_not_of(kBlanks, at), text_.size());
    }
    if (at == text_.size() || (text_[at] != '\'' && text_[at] != '"')) return false;
    const char quote = text_[at];
    for (++at; at < text_.size(); ++at) {
      const bool escapes = quote == '"' ? text_[at] == '\\' : text_.substr(at, 2) == "''";
      if (escapes) {
        ++at;
      } else if (text_[at] == quote) {
        return false;
      }
    }
    return true;
  }

  // Whether a line from `first` to `last` (from 0) ends one document or begins another.
  [[nodiscard]] bool has_separator(int first, int last) const {
    for (int line = first; line <= last; ++line) {
      const std::string_view start = text_.substr(lines_.offset({line + 1, 1}), 3);
      if (start == "---" || start == "...") return true;
    }
    return false;
  }

  [[nodiscard]] bool is_indented_with_tab(const YAML::Mark& mark) const {
    YAML::Mark start = mark;
    start.column = 0;
    const std::string_view line = text_.substr(offset(start));
    return line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
  }

 private:
  static constexpr const char* kBlanks = " \t\r\n";

  std::string_view text_;
  TextLines lines_;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(Document& document, const Origin& origin, const MarkedText& text)
      : document_(document), origin_(origin), text_(text) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node* node = open(Node::Kind::Null, mark, anchor);
    if (!path_.empty() && path_.back()->kind == Node::Kind::List) {
      if (const auto dash = text_.dash_before(mark)) node->where = place(*dash, origin_);
    }
    close(node);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag != "?" && text_.is_unclosed_quote(mark)) {
      throw Stop{mark, "a quote is not closed", "write the same quote at the end of the text"};
    }
    Node* node = open(Node::Kind::Scalar, mark, anchor);
    node->text = value;
    node->plain = tag == "?";
    close(node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    push(open(Node::Kind::List, mark, anchor), mark);
  }
  void OnSequenceEnd() override { pop(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    push(open(Node::Kind::Map, mark, anchor), mark);
  }
  void OnMapEnd() override { pop(); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    see(mark);
    Node* node = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
    if (node == nullptr || std::find(path_.begin(), path_.end(), node) != path_.end()) {
      throw Stop{mark, "an alias stands inside the value that it names",
                 "write the value out, or move the anchor"};
    }
    alias_bytes_ += node->bytes;
    if (alias_bytes_ > kAliasBytesMax) {
      throw Stop{mark,
                 "the aliases of this file stand for more than " +
                     std::to_string(kAliasBytesMax >> 20) + " MiB of text",
                 "use fewer aliases of aliases"};
    }
    attach(node);
  }

  // Where the document begins, and the last line on which anything of it was seen, from 0.
  [[nodiscard]] const YAML::Mark& start() const { return start_; }
  [[nodiscard]] int last_line() const { return last_line_; }

 private:
  void see(const YAML::Mark& mark) {
    if (start_.is_null()) start_ = mark;
    last_line_ = mark.line;
  }

  Node* open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    see(mark);
    Node* node = &document_.nodes.emplace_back();
    node->kind = kind;
    node->where = place(mark, origin_);
    if (anchor != YAML::NullAnchor) {
      if (anchor >= anchors_.size()) anchors_.resize(anchor + 1);
      anchors_[anchor] = node;
    }
    return node;
  }

  void push(Node* node, const YAML::Mark& mark) {
    if (path_.size() == kYamlDepthMax) {
      throw Stop{mark, "lists and maps nest deeper than " + std::to_string(kYamlDepthMax),
                 "no configuration needs that; is a bracket left open?"};
    }
    path_.push_back(node);
  }

  void pop() {
    Node* node = path_.back();
    path_.pop_back();
    close(node);
  }

  void close(Node* node) {
    node->bytes += kNodeBytes + node->text.size();
    attach(node);
  }

  // Hands a finished value to the list or map around it.
  void attach(Node* node) {
    if (path_.empty()) {
      document_.root = node;
      return;
    }
    Node* parent = path_.back();
    parent->bytes += node->bytes;
    if (parent->kind == Node::Kind::List) {
      parent->items.push_back(node);
    } else if (!parent->entries.empty() && parent->entries.back().value == nullptr) {
      Node::Entry& entry = parent->entries.back();
      entry.value = node;
      // yaml-cpp puts a missing value at whatever comes next.
      if (node->kind == Node::Kind::Null) node->where = entry.key->where;
    } else {
      parent->entries.push_back({node, nullptr});
    }
  }

  Document& document_;
  const Origin& origin_;
  const MarkedText& text_;
  std::vector<Node*> path_;     // the lists and maps still open
  std::vector<Node*> anchors_;  // by yaml-cpp's number
  std::size_t alias_bytes_ = 0;
  YAML::Mark start_ = YAML::Mark::null_mark();
  int last_line_ = 0;
};

// Is there a second document? Its first value ends the parse.
class SecondDocument : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    // A stray ',' or '?' is a null document to yaml-cpp, over and over: it never takes the token.
    if (mark.pos == last_null_) stop(mark);
    last_null_ = mark.pos;
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { stop(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {
    stop(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    stop(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    stop(mark);
  }
  void OnMapEnd() override {}

 private:
  static void stop(const YAML::Mark& mark) { throw Stop{mark, {}, {}}; }

  int last_null_ = -1;
};

// What to do about yaml-cpp's complaints that people meet in practice.
std::string yaml_advice(std::string_view message) {
  const auto says = [message](std::string_view part) {
    return message.find(part) != std::string_view::npos;
  };
  if (says("alias") || says("anchor")) {
    return "'*' and '&' are special in YAML: put a pattern that begins with one in quotes, "
           "'*.total.value'";
  }
  if (says("map value")) return "put text that holds ': ' in quotes, and look at the indentation";
  if (says("end of map") || says("end of seq")) {
    return "look at the indentation and for a missing bracket, quote or colon here or above";
  }
  if (says("EOF in scalar")) return "a quote is not closed";
  if (says("escape")) return "use single quotes, in which a backslash is only a backslash";
  return "look at the indentation, quotes and brackets here and above";
}

// The byte at which the text stops being UTF-8 (or holds a NUL), if it does.
std::optional<std::size_t> first_bad_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead == 0) return at;
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || at + length > text.size()) return at;
    for (std::size_t i = 1; i < length; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80U) return at;
    }
    at += length;
  }
  return std::nullopt;
}

void report_stray_text(Position where, Problems& problems) {
  problems.error(where, "not valid YAML: this does not belong to what stands above",
                 "look at the indentation, quotes and brackets here and above");
}

void warn_of_second_document(YAML::Parser& parser, const MarkedText& text, int last_line,
                             const Origin& origin, Problems& problems) {
  YAML::Mark mark = YAML::Mark::null_mark();
  try {
    SecondDocument second;
    while (parser.HandleNextDocument(second)) {
    }
    return;
  } catch (const Stop& stop) {
    mark = stop.mark;
  } catch (const YAML::Exception& exception) {
    mark = exception.mark;
  }
  if (text.has_separator(last_line, mark.line)) {
    problems.warning(place(mark, origin), "only the first document of the file counts",
                     "remove the others, or put them into files of their own");
  } else {
    report_stray_text(place(mark, origin), problems);
  }
}

class DocumentReader {
 public:
  DocumentReader(std::string_view text, const Origin& origin, Problems& problems)
      : text_(text), marked_(text), origin_(origin), problems_(problems) {}

  // Throws what yaml-cpp and the builder throw.
  std::deque<Document> read(const std::function<bool(const Node& root)>& goes_on) {
    std::istringstream stream{std::string(text_)};
    YAML::Parser parser(stream);
    std::deque<Document> documents;
    while (read_next(parser, documents.emplace_back())) {
      const Node& root = *documents.back().root;
      if (root.kind == Node::Kind::Null) {
        documents.pop_back();
      } else if (!goes_on(root)) {
        warn_of_second_document(parser, marked_, last_line_, origin_, problems_);
        return documents;
      }
    }
    documents.pop_back();
    return documents;
  }

 private:
  bool read_next(YAML::Parser& parser, Document& document) {
    TreeBuilder builder(document, origin_, marked_);
    if (!parser.HandleNextDocument(builder) || document.root == nullptr) return false;
    const YAML::Mark& start = builder.start();
    // A stray ',' or '?' is a null document to yaml-cpp, over and over: it never takes the token.
    if (start_ && (start.pos == start_->pos || !marked_.has_separator(last_line_, start.line))) {
      report_stray_text(place(start, origin_), problems_);
      return false;
    }
    start_ = start;
    last_line_ = builder.last_line();
    return true;
  }

  std::string_view text_;
  MarkedText marked_;
  const Origin& origin_;
  Problems& problems_;
  std::optional<YAML::Mark> start_;  // of the last document
  int last_line_ = 0;                // of the last document
};

std::deque<Document> read_documents(std::string_view text, const Origin& origin, Problems& problems,
                                    const std::function<bool(const Node& root)>& goes_on) {
  DocumentReader reader(text, origin, problems);
  try {
    return reader.read(goes_on);
  } catch (const Stop& stop) {
    problems.error(place(stop.mark, origin), stop.what, stop.advice);
  } catch (const YAML::Exception& exception) {
    const MarkedText marked(text);
    const bool is_tab = marked.is_indented_with_tab(exception.mark);
    problems.error(place(marked.within_text(exception.mark), origin),
                   "not valid YAML: " + exception.msg,
                   is_tab ? "indent with spaces, not with tabs" : yaml_advice(exception.msg));
  } catch (const std::exception& exception) {
    problems.error({}, std::string("not valid YAML: ") + exception.what());
  }
  return {};
}

}  // namespace

std::deque<Document> parse_yaml(std::string_view text, const Origin& origin, Problems& problems,
                                const std::function<bool(const Node& root)>& goes_on) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (const auto at = first_bad_byte(text)) {
    problems.error(place(MarkedText(text).mark_at(*at), origin), "the file is not UTF-8 text",
                   "save it as UTF-8");
    return {};
  }
  return read_documents(text, origin, problems, goes_on);
}

bool is_empty(const Node* node) {
  return node == nullptr ||
         (node->kind != Node::Kind::Scalar && node->items.empty() && node->entries.empty());
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Null:
      return "nothing";
    case Node::Kind::Scalar:
      return "a single value";
    case Node::Kind::List:
      return "a list";
    case Node::Kind::Map:
      return "a map";
  }
  return "something else";
}

}  // namespace fedwave::config
