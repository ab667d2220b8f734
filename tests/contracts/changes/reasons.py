"""Why `buf breaking` sees a change otherwise than we do."""

REQUIRED = "A .proto has no required fields. Our readers refuse what comes without one."
EDGE = "Over HTTP a request with an unknown field is refused, which no .proto says."
DEFAULTS = "A .proto holds no defaults."
LIMITS = "A .proto holds no limits."
NAMES = (
    "buf guards the JSON of protobuf, by the names of fields. Ours goes over HTTP and into what is "
    "stored, and here is neither."
)
MESSAGES = "buf compares types by their names. On the wire a message has no name."
TEXT = "Both are string in a .proto."
CLOSED = (
    "buf takes a reader to be open for values that it does not know. Ours refuses them, so that "
    "none is taken for another."
)
COLLECTIONS = "Both are repeated in a .proto. Readers of a set refuse a double."
VALUES = "A .proto does not hold how the value is written in our JSON."
NEW = "buf takes what is new for compatible. An old provider does not have it."
WHO = "A .proto does not say who may call, nor for how long."
PROBLEMS = "A .proto holds no problems."
HTTP = "buf does not compare options such as google.api.http."
GONE = (
    "WIRE_JSON is about messages. buf guards methods and services in its categories FILE and "
    "PACKAGE."
)
ITEMS = (
    "To buf one field went and another came. The items of the stream would go where nobody looks."
)
