package weir;

import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.BaseRecords;
import org.apache.kafka.common.record.MemoryRecords;

/** Fills the fields that a message has in one version, as its schema lists them, by reflection. */
final class Fill {
    enum Mode { FULL, NULLS, SPARSE }

    private static final Set<String> NULLABLE_RECORDS = Set.of(
        ProduceRequestData.PartitionProduceData.class.getName(), FetchResponseData.PartitionData.class.getName());

    private final Mode mode;
    private final Random random;
    private final List<String> names;

    Fill(Mode mode, Random random, List<String> names) {
        this.mode = mode;
        this.random = random;
        this.names = names;
    }

    void fill(Object message, Schema schema) throws Exception {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tags) {
                for (Field field : tags.fields().values()) {
                    set(message, field.name, field.type);
                }
            } else {
                set(message, bound.def.name, bound.def.type);
            }
        }
    }

    private void set(Object message, String name, Type type) throws Exception {
        java.lang.reflect.Field field = find(message.getClass(), name);
        field.setAccessible(true);
        // Records start out as null, and their type says that they may be, even where null can not be written.
        boolean records = BaseRecords.class.isAssignableFrom(field.getType());
        boolean needed = records && !NULLABLE_RECORDS.contains(message.getClass().getName());
        if (mode == Mode.SPARSE && !needed && random.nextInt(3) > 0) {
            return;
        }
        if (mode == Mode.NULLS && !needed && type.isNullable() && random.nextBoolean()) {
            field.set(message, null);
            return;
        }
        Object value = value(field.getType(), field.getGenericType(), type, name);
        field.set(message, value);
    }

    /** Schema names are snake case, fields are camel case; digits make the rule ambiguous, so compare without either. */
    private static java.lang.reflect.Field find(Class<?> owner, String name) throws NoSuchFieldException {
        String plain = name.replace("_", "");
        for (java.lang.reflect.Field field : owner.getDeclaredFields()) {
            if (field.getName().equalsIgnoreCase(plain)) {
                return field;
            }
        }
        throw new NoSuchFieldException(owner.getName() + "." + name);
    }

    private Object value(Class<?> java, java.lang.reflect.Type generic, Type type, String name) throws Exception {
        if (Collection.class.isAssignableFrom(java)) {
            return array(java, generic, type.arrayElementType().orElseThrow(), name);
        }
        if (type instanceof Schema schema) {
            Object inner = java.getDeclaredConstructor().newInstance();
            fill(inner, schema);
            return inner;
        }
        Object value = scalar(java);
        if (value instanceof Uuid uuid) {
            names.add(name + "=" + new UUID(uuid.getMostSignificantBits(), uuid.getLeastSignificantBits()));
        } else if (!(value instanceof byte[] || value instanceof ByteBuffer || value instanceof BaseRecords)) {
            names.add(name + "=" + value);
        }
        return value;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private Object array(Class<?> java, java.lang.reflect.Type generic, Type element, String name) throws Exception {
        boolean list = java.isAssignableFrom(java.util.ArrayList.class);
        Collection out = list ? new java.util.ArrayList() : (Collection) java.getDeclaredConstructor().newInstance();
        java.lang.reflect.Type source = list ? generic : java.getGenericSuperclass();
        Class<?> item = (Class<?>) ((ParameterizedType) source).getActualTypeArguments()[0];
        int count = mode == Mode.FULL ? 2 : random.nextInt(3);
        for (int i = 0; i < count; i++) {
            if (element instanceof Schema schema) {
                Object inner = item.getDeclaredConstructor().newInstance();
                fill(inner, schema);
                out.add(inner);
            } else {
                out.add(scalar(item));
            }
        }
        return out;
    }

    private Object scalar(Class<?> java) {
        if (java == boolean.class) return mode == Mode.FULL || random.nextBoolean();
        if (java == byte.class || java == Byte.class) return (byte) random.nextInt();
        if (java == short.class || java == Short.class) return (short) random.nextInt();
        if (java == int.class || java == Integer.class) return random.nextInt(1 << 16);
        if (java == long.class || java == Long.class) return random.nextLong();
        if (java == double.class) return random.nextInt(1000) / 8.0;
        if (java == String.class) return "s" + random.nextInt(1000);
        if (java == Uuid.class) return new Uuid(random.nextLong(), random.nextLong());
        byte[] bytes = new byte[1 + random.nextInt(6)];
        random.nextBytes(bytes);
        if (java == byte[].class) return bytes;
        if (java == ByteBuffer.class) return ByteBuffer.wrap(bytes);
        if (BaseRecords.class.isAssignableFrom(java)) return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
        throw new IllegalArgumentException("no value for " + java);
    }
}
