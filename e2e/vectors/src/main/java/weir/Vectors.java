package weir;

import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.errors.RetriableException;

/**
 * Writes what the Java client's own classes make of every message in every version. One line a vector, words
 * separated by one space; a list of named values may follow the bytes.
 *
 * <pre>
 * request KEY VERSION HEX [name=value,...]
 * response KEY VERSION HEX [name=value,...]
 * frame KEY VERSION HEX          header (correlation id 7, client id "weir") and body of a request
 * reply KEY VERSION HEX          header (correlation id 7) and body of a response
 * fresh-request KEY VERSION HEX  a request in which nothing was set
 * fresh-response KEY VERSION HEX
 * error CODE NAME RETRIABLE
 * </pre>
 */
public final class Vectors {
    /** Everything set; nulls where they may be; as many defaults as there can be. */
    private static final Fill.Mode[] MODES = Fill.Mode.values();

    private final PrintStream out;

    private Vectors(PrintStream out) {
        this.out = out;
    }

    public static void main(String[] args) throws Exception {
        try (PrintStream out = new PrintStream(Files.newOutputStream(Path.of(args[0])), false, StandardCharsets.US_ASCII)) {
            Vectors vectors = new Vectors(out);
            for (ApiKeys key : ApiKeys.values()) {
                if (key.hasValidVersion()) {
                    vectors.api(key);
                }
            }
            vectors.errors();
        }
    }

    private void api(ApiKeys key) throws Exception {
        short last = key.latestVersion(true);
        for (short version = key.oldestVersion(); version <= last; version++) {
            fresh("fresh-request", key, version, key.messageType.newRequest());
            fresh("fresh-response", key, version, key.messageType.newResponse());
            for (Fill.Mode mode : MODES) {
                Random random = new Random(key.id * 1000L + version * 10L + mode.ordinal());
                boolean named = version == last && mode == Fill.Mode.FULL;
                message("request", key, version, key.messageType.newRequest(), key.messageType.requestSchemas(), mode, named, random);
                message("response", key, version, key.messageType.newResponse(), key.messageType.responseSchemas(), mode, named, random);
            }
        }
    }

    private void fresh(String side, ApiKeys key, short version, ApiMessage message) {
        out.println(side + " " + key.id + " " + version + " " + hex(bytes(message, version)));
    }

    private void message(String side, ApiKeys key, short version, ApiMessage message, Schema[] schemas, Fill.Mode mode,
            boolean named, Random random) throws Exception {
        List<String> names = new ArrayList<>();
        new Fill(mode, random, names).fill(message, schemas[version]);
        byte[] body = bytes(message, version);
        String tail = named && !names.isEmpty() ? " " + String.join(",", names) : "";
        out.println(side + " " + key.id + " " + version + " " + hex(body) + tail);
        boolean edge = version == key.oldestVersion() || version == key.latestVersion(true);
        if (edge && mode == Fill.Mode.FULL) {
            boolean request = side.equals("request");
            byte[] header = request ? requestHeader(key, version) : responseHeader(key, version);
            out.println((request ? "frame " : "reply ") + key.id + " " + version + " " + hex(header) + hex(body));
        }
    }

    private static byte[] requestHeader(ApiKeys key, short version) {
        RequestHeaderData header = new RequestHeaderData().setRequestApiKey(key.id).setRequestApiVersion(version)
            .setCorrelationId(7).setClientId("weir");
        return bytes(header, key.requestHeaderVersion(version));
    }

    private static byte[] responseHeader(ApiKeys key, short version) {
        return bytes(new ResponseHeaderData().setCorrelationId(7), key.responseHeaderVersion(version));
    }

    private static byte[] bytes(ApiMessage message, short version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    private void errors() {
        for (Errors error : Errors.values()) {
            boolean retriable = error.exception() instanceof RetriableException;
            out.println("error " + error.code() + " " + error.name() + " " + retriable);
        }
    }
}
