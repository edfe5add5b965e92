import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;

/** The Java client's driver of the fault runs: an idempotent producer and a group of two, which note all they are told. Told by its
 * environment what to do (see faults/drivers.py) and by its standard input when to stop. */
public final class FaultDriver {
    private FaultDriver() {}

    public static void main(String[] arguments) throws Exception {
        Writer writer = new Writer();
        Thread writing = new Thread(writer, "writer");
        writing.start();
        List<Member> members = new ArrayList<>();
        List<Thread> reading = new ArrayList<>();
        for (int number = 0; number < Settings.MEMBERS; number++) {
            Member member = new Member(number);
            members.add(member);
            reading.add(new Thread(member, "member-" + number));
        }
        reading.forEach(Thread::start);
        Notes.why("ready");

        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        input.readLine();
        writer.finish();
        writing.join(Writer.FINISH_WITHIN.plusSeconds(10).toMillis());
        Notes.why("finished");
        input.readLine();
        members.forEach(Member::leave);
        for (Thread thread : reading) {
            thread.join(10_000);
        }
        System.exit(0);
    }
}
