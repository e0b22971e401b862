#include "storage/selector/selector.hpp"
#include "tests/unit/storage/selector/matching.hpp"

using treadmill::test::holds;
using treadmill::test::matches;

TEST_CASE("the empty selector matches every document") {
  CHECK(matches("{}", "{}"));
  CHECK(matches("{}", R"({"a":1})"));
}

TEST_CASE("members of a selector must all hold, and a value stands for equality") {
  CHECK(matches(R"({"a":1,"b":"x"})", R"({"a":1,"b":"x","c":null})"));
  CHECK(!matches(R"({"a":1,"b":"x"})", R"({"a":1,"b":"y"})"));
  CHECK(!matches(R"({"a":1,"b":"x"})", R"({"a":1})"));
  CHECK(holds("[1,2]", "[1,2]"));
  CHECK(!holds("[1,2]", "[1,2,3]"));
  CHECK(holds("null", "null"));
  CHECK(!matches(R"({"x":null})", "{}"));
}

TEST_CASE("_id, _rev and _deleted are fields of a document") {
  CHECK(matches(R"({"_id":"an-id","_rev":"1-abc"})", "{}"));
  CHECK(!matches(R"({"_id":"another"})", "{}"));
  CHECK(matches(R"({"_id":"\"\\"})", R"({"a":1})", "\"\\"));
  CHECK(!matches(R"({"_id.x":1})", "{}"));
  CHECK(!matches(R"({"_deleted":true})", "{}"));
  CHECK(matches(R"({"_deleted":{"$exists":false}})", "{}"));
  const auto tombstones = treadmill::selector::parse(R"({"_deleted":true})");
  CHECK(treadmill::selector_matcher(*tombstones).matches({"{}", "a", "2-b", true}).value());
}

TEST_CASE("ids compare by code points and are larger than all other values") {
  CHECK(matches(R"({"_id":{"$lt":"a"}})", "{}", "B"));
  CHECK(!matches(R"({"id":{"$lt":"a"}})", R"({"id":"B"})"));
  CHECK(matches(R"({"_id":{"$gt":null}})", "{}"));
  CHECK(!matches(R"({"_id":{"$lt":{}}})", "{}"));
  CHECK(holds(R"({"$lt":{}})", R"("an-id")"));
  CHECK(matches(R"({"a":{"$elemMatch":{"_id":{"$lt":"a"}}}})", R"({"a":[{"_id":"B"}]})"));
}

TEST_CASE("comparisons order all of JSON") {
  CHECK(holds(R"({"$lt":5})", "4"));
  CHECK(!holds(R"({"$lt":5})", "5"));
  CHECK(holds(R"({"$lt":5})", "null"));
  CHECK(!holds(R"({"$lt":5})", R"("4")"));
  CHECK(holds(R"({"$lte":5})", "5"));
  CHECK(!holds(R"({"$lte":5})", "5.5"));
  CHECK(holds(R"({"$gt":"held"})", R"("hello")"));
  CHECK(!holds(R"({"$gt":"hello"})", R"("held")"));
  CHECK(holds(R"({"$gt":"zebra"})", "[]"));
}

TEST_CASE("comparisons of arrays and of equal values") {
  CHECK(holds(R"({"$lt":[1,2,3]})", "[1,2]"));
  CHECK(holds(R"({"$gte":[1,2,3]})", "[1,3]"));
  CHECK(holds(R"({"$gte":[1,2,3]})", "[1,2,3]"));
  CHECK(!holds(R"({"$gt":[1,2,3]})", "[1,2,3]"));
  CHECK(holds(R"({"$eq":{"a":{"b":1}}})", R"({"a":{"b":1}})"));
  CHECK(!holds(R"({"$eq":{"a":1}})", R"({"a":1,"b":2})"));
  CHECK(holds(R"({"$ne":5})", "6"));
  CHECK(holds(R"({"$ne":5})", R"("5")"));
  CHECK(!holds(R"({"$ne":5})", "5.0"));
}

TEST_CASE("a condition on a missing field does not hold, but $exists false does") {
  for (const char* condition : {"1",
                                R"({"$eq":1})",
                                R"({"$ne":1})",
                                R"({"$lt":1})",
                                R"({"$lte":1})",
                                R"({"$gt":1})",
                                R"({"$gte":1})",
                                R"({"$in":[1]})",
                                R"({"$nin":[1]})",
                                R"({"$nin":[]})",
                                R"({"$exists":true})",
                                R"({"$type":"null"})",
                                R"({"$size":0})",
                                R"({"$mod":[2,0]})",
                                R"({"$regex":""})",
                                R"({"$beginsWith":""})",
                                R"({"$all":[1]})",
                                R"({"$elemMatch":{"$exists":true}})",
                                R"({"$allMatch":{"$exists":true}})",
                                R"({"$keyMapMatch":{"$exists":true}})",
                                R"({"$not":{"$eq":1}})",
                                R"({"$not":{"$regex":"a"}})",
                                R"({"$not":{"$all":[1]}})"}) {
    CAPTURE(condition);
    CHECK(!matches(R"({"x":)" + std::string(condition) + '}', R"({"y":1})"));
    CHECK(!matches(R"({"x.y":)" + std::string(condition) + '}', R"({"x":{"z":1}})"));
  }
  CHECK(!matches(R"({"$not":{"x":1}})", "{}"));
  CHECK(!matches(R"({"$nor":[{"x":1}]})", "{}"));
  CHECK(matches(R"({"x":{"$exists":false}})", R"({"y":1})"));
  CHECK(!matches(R"({"x":{"$exists":false}})", R"({"x":null})"));
  CHECK(matches(R"({"$not":{"x":{"$exists":true}}})", "{}"));
  CHECK(matches(R"({"x":{"$not":{"$exists":true,"$eq":0}}})", "{}"));
}

TEST_CASE("a path through a value without an inside is neither there nor missing") {
  CHECK(matches(R"({"a.b":{"$exists":false}})", "{}"));
  CHECK(matches(R"({"a.b":{"$exists":false}})", R"({"a":{}})"));
  CHECK(!matches(R"({"a.b":{"$exists":false}})", R"({"a":5})"));
  CHECK(!matches(R"({"a.b.c":{"$exists":false}})", R"({"a":"b"})"));
  CHECK(!matches(R"({"a.1":{"$exists":false}})", R"({"a":[1]})"));
  CHECK(matches(R"({"a.0.b":{"$exists":false}})", R"({"a":[{}]})"));
}

TEST_CASE("paths lead through objects and arrays; a backslash keeps a dot or a dollar in a name") {
  CHECK(matches(R"({"a.b.c":1})", R"({"a":{"b":{"c":1}}})"));
  CHECK(matches(R"({"a":{"b":{"c":1}}})", R"({"a":{"z":0,"b":{"c":1,"d":2}}})"));
  CHECK(matches(R"({"a":{"b":1,"c":{"$gt":1}}})", R"({"a":{"c":2,"b":1}})"));
  CHECK(!matches(R"({"a":{"b":1}})", R"({"a.b":1})"));
  CHECK(matches(R"({"a\\.b":1})", R"({"a.b":1})"));
  CHECK(matches(R"({"a\\.b.c":1})", R"({"a.b":{"c":1}})"));
  CHECK(matches(R"({"\\$a":1})", R"({"$a":1})"));
  CHECK(matches(R"({"a.1":"y"})", R"({"a":["x","y"]})"));
  CHECK(matches(R"({"a.+1":"y","a.01":"y"})", R"({"a":["x","y"]})"));
  CHECK(matches(R"({"a.1.b":2})", R"({"a":[0,{"b":2},0]})"));
  CHECK(!matches(R"({"a.-1":"y"})", R"({"a":["x","y"]})"));
  CHECK(!matches(R"({"a.99999999999999999999":1})", R"({"a":[1]})"));
  CHECK(matches(R"({"a.1":"y"})", R"({"a":{"1":"y"}})"));
  CHECK(matches(R"({"\u00e9\"\n":1})", "{\"\xc3\xa9\\\"\\n\":1}"));
  CHECK(matches(R"({"":{"a":1}})", R"({"a":1})"));
}

TEST_CASE("many fields of one object are found in one pass") {
  std::string selector_text = "{";
  std::string body = "{";
  for (int i = 0; i < 100; ++i) {
    selector_text += (i > 0 ? ",\"f" : "\"f") + std::to_string(i) + "\":" + std::to_string(i);
    body += (i > 0 ? ",\"f" : "\"f") + std::to_string(99 - i) + "\":" + std::to_string(99 - i);
  }
  CHECK(matches(selector_text + "}", body + "}"));
  CHECK(!matches(selector_text + ",\"g\":1}", body + "}"));
}

TEST_CASE("an object without members is a value, below the top") {
  CHECK(holds("{}", "{}"));
  CHECK(!holds("{}", R"({"a":1})"));
  CHECK(!matches(R"({"x":{}})", "{}"));
  CHECK(matches(R"({"$not":{"x":{}}})", R"({"x":[]})"));
  CHECK(!matches(R"({"$and":[{}]})", R"({"a":1})"));
  CHECK(matches(R"({"$nor":[{}]})", R"({"a":1})"));
}

TEST_CASE("$and, $or, $nor and $not combine conditions, above and below a field") {
  CHECK(matches(R"({"$and":[{"a":1},{"b":2}]})", R"({"a":1,"b":2})"));
  CHECK(!matches(R"({"$and":[{"a":1},{"b":3}]})", R"({"a":1,"b":2})"));
  CHECK(matches(R"({"$or":[{"a":0},{"b":2}]})", R"({"a":1,"b":2})"));
  CHECK(!matches(R"({"$or":[{"a":0},{"b":0}]})", R"({"a":1,"b":2})"));
  CHECK(matches(R"({"$nor":[{"a":0},{"b":0}]})", R"({"a":1,"b":2})"));
  CHECK(!matches(R"({"$nor":[{"a":0},{"b":2}]})", R"({"a":1,"b":2})"));
  CHECK(matches(R"({"$not":{"a":0}})", R"({"a":1})"));
  CHECK(holds(R"({"$and":[{"$gt":3},{"$lt":7}]})", "6"));
  CHECK(!holds(R"({"$and":[{"$gt":3},{"$lt":7}]})", "9"));
  CHECK(holds(R"({"$or":[1,2,"x"]})", "2"));
  CHECK(!holds(R"({"$or":[1,2]})", "3"));
  CHECK(holds(R"({"$not":{"$and":[{"$gt":3},{"$lt":7}]}})", "9"));
  CHECK(holds(R"({"$nor":[{"$lt":3},{"$gt":7}]})", "6"));
  CHECK(!holds(R"({"$not":{"$nor":[{"$lt":3},{"$gt":7}]}})", "6"));
  CHECK(matches(R"({"$not":{"$not":{"a":1}}})", R"({"a":1})"));
}

TEST_CASE("lists without conditions are true, negated too") {
  for (const char* of : {"$and", "$or", "$nor"}) {
    CAPTURE(of);
    const auto list = R"({")" + std::string(of) + R"(":[]})";
    CHECK(matches(list, "{}"));
    CHECK(holds(list, "1"));
    CHECK(matches(R"({"x":{"$not":)" + list + "}}", "{}"));
  }
}

TEST_CASE("$in and $nin look at a value, or at the elements of an array") {
  const char* in = R"({"$in":[42,false,"bar",[["nested"],"list"],{"b":2}]})";
  const char* nin = R"({"$nin":[42,false,"bar",[["nested"],"list"],{"b":2}]})";
  for (const char* value : {"42", "false", R"("bar")", R"({"b":2})", "[0,42]", "[0,false]",
                            R"([{"b":2}])", R"([0,[["nested"],"list"]])"}) {
    CAPTURE(value);
    CHECK(holds(in, value));
    CHECK(!holds(nin, value));
  }
  for (const char* value :
       {"43", "true", R"("bars")", R"({"b":2,"c":3})", R"([["nested"],"list"])", "[]", "null"}) {
    CAPTURE(value);
    CHECK(!holds(in, value));
    CHECK(holds(nin, value));
  }
  CHECK(!holds(R"({"$in":[]})", "1"));
  CHECK(holds(R"({"$nin":[]})", "1"));
}

TEST_CASE("a long list of $in is found as a short one is") {
  std::string list = R"({"$in":[)";
  for (int i = 300; i > 0; --i) list += std::to_string(i * 2) + ",\"v" + std::to_string(i) + "\",";
  list += "null]}";
  CHECK(holds(list, "2"));
  CHECK(holds(list, "600"));
  CHECK(!holds(list, "601"));
  CHECK(!holds(list, "3"));
  CHECK(holds(list, R"("v77")"));
  CHECK(!holds(list, R"("v0")"));
  CHECK(holds(list, "null"));
  CHECK(holds(list, R"(["no","v1"])"));
}

TEST_CASE("$type names the types of JSON") {
  const std::pair<const char*, const char*> types[] = {
      {"null", "null"},     {"boolean", "true"}, {"boolean", "false"}, {"number", "-1.5"},
      {"string", R"("1")"}, {"array", "[]"},     {"object", "{}"}};
  for (const auto& [name, value] : types)
    for (const auto& [other, ignored] : types) {
      CAPTURE(value);
      CAPTURE(other);
      CHECK(holds(R"({"$type":")" + std::string(other) + "\"}", value) ==
            (std::string(name) == other));
    }
  CHECK(!holds(R"({"$type":"integer"})", "1"));
}

TEST_CASE("$size counts the elements of an array") {
  CHECK(holds(R"({"$size":3})", "[0,[1,2],{}]"));
  CHECK(!holds(R"({"$size":3})", "[0,0]"));
  CHECK(!holds(R"({"$size":3})", "[0,0,0,0]"));
  CHECK(!holds(R"({"$size":3})", R"("fun")"));
  CHECK(!holds(R"({"$size":3})", "3"));
  CHECK(holds(R"({"$size":0})", "[]"));
  CHECK(!holds(R"({"$size":18446744073709551616})", "[]"));
}

TEST_CASE("$mod is for integers of any length, and keeps the sign of the value") {
  CHECK(holds(R"({"$mod":[28,1]})", "57"));
  CHECK(!holds(R"({"$mod":[28,1]})", "58"));
  CHECK(!holds(R"({"$mod":[28,1]})", R"("57")"));
  CHECK(!holds(R"({"$mod":[2,1]})", "1.5"));
  CHECK(holds(R"({"$mod":[3,-1]})", "-7"));
  CHECK(!holds(R"({"$mod":[3,1]})", "-7"));
  CHECK(holds(R"({"$mod":[-3,1]})", "7"));
  CHECK(holds(R"({"$mod":[3,0]})", "-6"));
  CHECK(holds(R"({"$mod":[-1,0]})", "-9223372036854775808"));
  CHECK(holds(R"({"$mod":[1000000007,15]})", "18446744073709551615") ==
        (18446744073709551615u % 1000000007u == 15));
  // As it will be stored once integers keep their digits.
  const auto parsed = treadmill::selector::parse(R"({"x":{"$mod":[97,3]}})");
  const auto body = R"({"x":1)" + std::string(40, '0') + "}";
  int rest = 1;
  for (int i = 0; i < 40; ++i) rest = rest * 10 % 97;
  CHECK(treadmill::selector_matcher(*parsed).matches({body, "a", "1-b"}).value() == (rest == 3));
}

TEST_CASE("$regex searches strings, character by character") {
  CHECK(holds(R"({"$regex":"^[0-9a-f]+$"})", R"("3a0df5e")"));
  CHECK(!holds(R"({"$regex":"^[0-9a-f]+$"})", R"("3a0gf5e")"));
  CHECK(!holds(R"({"$regex":"^[0-9a-f]+$"})", R"("")"));
  CHECK(!holds(R"({"$regex":"4"})", "42"));
  CHECK(holds(R"({"$regex":"b"})", R"("abc")"));
  CHECK(holds(R"({"$regex":"(?i)ABC"})", R"("xabcx")"));
  CHECK(holds(R"({"$regex":"^.$"})", "\"\xc3\xa9\""));
  CHECK(holds("{\"$regex\":\"^[\xc3\xa4\xc3\xb6]{2}$\"}", "\"\xc3\xa4\xc3\xb6\""));
  CHECK(holds(R"({"$regex":"a\nb"})", R"("a\nb")"));
  CHECK(holds(R"({"$regex":"^(\\w+) \\1$"})", R"("ha ha")"));
  CHECK(holds(R"({"$not":{"$regex":"z"}})", R"("abc")"));
  CHECK(holds(R"({"$not":{"$regex":"z"}})", "5"));
}

TEST_CASE("$beginsWith compares characters, and only those of strings") {
  CHECK(holds(R"({"$beginsWith":"foo"})", R"("foo")"));
  CHECK(holds(R"({"$beginsWith":"foo"})", R"("fool me once")"));
  CHECK(!holds(R"({"$beginsWith":"foo"})", R"("more food")"));
  CHECK(!holds(R"({"$beginsWith":"foo"})", R"("fo")"));
  CHECK(!holds(R"({"$beginsWith":"foo"})", R"("Foo")"));
  CHECK(!holds(R"({"$beginsWith":"4"})", "42"));
  CHECK(holds(R"({"$beginsWith":""})", R"("")"));
  CHECK(holds(R"({"$beginsWith":"a\"\\"})", R"("a\"\\b")"));
  CHECK(!holds(R"({"$beginsWith":"a\\"})", R"("a\"b")"));
}

TEST_CASE("$all wants each value among the elements, or the array itself") {
  CHECK(holds(R"({"$all":[1,2,3]})", "[0,3,2,1]"));
  CHECK(!holds(R"({"$all":[1,2,3]})", "[1,2]"));
  CHECK(!holds(R"({"$all":[]})", "[]"));
  CHECK(!holds(R"({"$all":[]})", "[1]"));
  CHECK(!holds(R"({"$all":["hello"]})", R"("hello")"));
  CHECK(holds(R"({"$all":[[1,2]]})", "[1,2]"));
  CHECK(holds(R"({"$all":[[1,2]]})", "[0,[1,2]]"));
  CHECK(!holds(R"({"$all":[[1,2]]})", "[2,1]"));
  CHECK(!holds(R"({"$all":[[1,2],3]})", "[1,2]"));
  CHECK(holds(R"({"$all":[{"a":1}]})", R"([{"a":1}])"));
  CHECK(!holds(R"({"$all":[{"a":1}]})", R"([{"a":1,"b":2}])"));
  CHECK(!holds("{\"$all\":[\"\xc3\xa9\"]}", "[\"e\xcc\x81\"]"));
  CHECK(holds("{\"$in\":[\"\xc3\xa9\"]}", "[\"e\xcc\x81\"]"));
  CHECK(holds(R"({"$not":{"$all":[1,2]}})", "[1]"));
}

TEST_CASE("$elemMatch wants one element, $allMatch all of at least one") {
  CHECK(holds(R"({"$elemMatch":{"$eq":0}})", "[0,1]"));
  CHECK(!holds(R"({"$elemMatch":{"$eq":0}})", "[1]"));
  CHECK(!holds(R"({"$elemMatch":{"$eq":0}})", "[]"));
  CHECK(!holds(R"({"$elemMatch":{"$eq":0}})", "0"));
  CHECK(holds(R"({"$elemMatch":{"$gte":80,"$lt":85}})", "[70,82]"));
  CHECK(!holds(R"({"$elemMatch":{"$gte":80,"$lt":85}})", "[70,90]"));
  CHECK(holds(R"({"$allMatch":{"$gt":0}})", "[1,2]"));
  CHECK(!holds(R"({"$allMatch":{"$gt":0}})", "[1,0]"));
  CHECK(!holds(R"({"$allMatch":{"$gt":0}})", "[]"));
  CHECK(holds(R"({"$elemMatch":{"a.b":1,"c":{"$exists":false}}})", R"([{"c":1},{"a":{"b":1}}])"));
  CHECK(!holds(R"({"$elemMatch":{"a":1}})", "[1,null,[]]"));
  CHECK(holds(R"({"$elemMatch":{"$elemMatch":{"$eq":3}}})", "[[1],[2,3]]"));
  CHECK(holds(R"({"$elemMatch":{"r":{"$allMatch":{"n":{"$gt":1}}}}})",
              R"([{"r":[{"n":1}]},{"r":[{"n":2},{"n":3}]}])"));
  CHECK(holds(R"({"$not":{"$elemMatch":{"$eq":0}}})", "[1]"));
}

TEST_CASE("within elements, a negation is of the whole condition") {
  CHECK(holds(R"({"$elemMatch":{"$not":{"b":5}}})", R"([{"c":1}])"));
  CHECK(!matches(R"({"$not":{"b":5}})", R"({"c":1})"));
  CHECK(holds(R"({"$elemMatch":{"$nor":[{"b":5},{"c":2}]}})", R"([{"c":1}])"));
  CHECK(!holds(R"({"$elemMatch":{"$nor":[{"b":5},{"c":1}]}})", R"([{"c":1}])"));
}

TEST_CASE("$keyMapMatch wants one name of an object") {
  CHECK(holds(R"({"$keyMapMatch":{"$eq":"b"}})", R"({"a":1,"b":2})"));
  CHECK(!holds(R"({"$keyMapMatch":{"$eq":"c"}})", R"({"a":1,"b":2})"));
  CHECK(holds(R"({"$keyMapMatch":{"$regex":"^[a-z]+$"}})", R"({"b4":1,"a":2})"));
  CHECK(!holds(R"({"$keyMapMatch":{"$regex":"^[a-z]+$"}})", R"({"b4":1})"));
  CHECK(!holds(R"({"$keyMapMatch":{"$exists":true}})", "{}"));
  CHECK(!holds(R"({"$keyMapMatch":{"$eq":"b"}})", R"(["b"])"));
  CHECK(holds(R"({"$keyMapMatch":{"$eq":"a\"b"}})", R"({"a\"b":1})"));
}

TEST_CASE("conditions without a field, below the top, are on the whole document") {
  CHECK(matches(R"({"$or":[{"$type":"object"},{"a":1}]})", "{}"));
  CHECK(matches(R"({"$gt":"z","$lt":{"b":1}})", "{}"));
  CHECK(matches(R"({"$and":[{"$keyMapMatch":{"$eq":"_rev"}},{"a":1}]})", R"({"a":1})"));
}
