import java.io.PrintStream;
import java.util.Locale;

/** Writes one JSON object a line, stamped with the machine's monotonic clock, the same for all processes. */
final class Notes {
    private static final PrintStream OUT = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false);

    private Notes() {}

    /** @param facts members of a JSON object, already written as JSON */
    static void note(String kind, String facts) {
        String line = String.format(Locale.ROOT, "{\"e\":\"%s\",\"t\":%.6f%s%s}", kind, System.nanoTime() / 1e9, facts.isEmpty() ? "" : ",", facts);
        synchronized (OUT) {
            OUT.println(line);
            OUT.flush();
        }
    }

    static void why(String why) {
        note("note", "\"why\":" + quoted(why));
    }

    static String quoted(String text) {
        String plain = text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\s+", " ");
        return "\"" + plain.substring(0, Math.min(plain.length(), 200)) + "\"";
    }
}
