import java.io.File;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.Properties;
import org.apache.zookeeper.server.quorum.QuorumPeerConfig;

/**
 * Reads every .cfg of the working directory as a real server does, and prints what that server made of it:
 * lines of the file's name, a word, and a value, with tabs between them.
 *
 * The verdict comes first. `ensemble`: the server would start and elect. `alone`: it would start without an election.
 * `no-id`: it refuses the file only because it finds no myid. `refused`: it refuses the file.
 */
public final class Judge {
    private static final PrintStream OUT = System.out;
    private static final Properties PRISTINE = (Properties) System.getProperties().clone();

    public static void main(String[] args) {
        // Some loggers write to stdout.
        System.setOut(System.err);
        String[] files = new File(".").list((folder, name) -> name.endsWith(".cfg"));
        Arrays.sort(files);
        for (String file : files) {
            judge(file);
        }
        OUT.flush();
    }

    private static void judge(String file) {
        // Settings that it does not know become properties of the whole machine, and two are static.
        System.setProperties((Properties) PRISTINE.clone());
        QuorumPeerConfig.setStandaloneEnabled(true);
        QuorumPeerConfig.setReconfigEnabled(false);
        QuorumPeerConfig config = new QuorumPeerConfig();
        try {
            config.parse(file);
            say(file, "verdict", config.isDistributed() ? "ensemble" : "alone");
        } catch (Throwable thrown) {
            Throwable cause = thrown;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            if ("myid file is missing".equals(cause.getMessage()) && config.getServerId() == -1) {
                say(file, "verdict", "no-id");
            } else {
                say(file, "verdict", "refused");
                say(file, "why", cause.toString());
                return;
            }
        }
        tell(file, config);
    }

    private static void tell(String file, QuorumPeerConfig config) {
        say(file, "me", config.getServerId());
        for (String line : config.getQuorumVerifier().toString().split("\n")) {
            say(file, "list", line);
        }
        say(file, "tickTime", config.getTickTime());
        say(file, "initLimit", config.getInitLimit());
        say(file, "syncLimit", config.getSyncLimit());
        say(file, "quorumListenOnAllIPs", config.getQuorumListenOnAllIPs());
        say(file, "multiAddress.enabled", config.isMultiAddressEnabled());
        say(file, "standaloneEnabled", QuorumPeerConfig.isStandaloneEnabled());
        say(file, "reconfigEnabled", QuorumPeerConfig.isReconfigEnabled());
        // These it reads as properties of the machine, wherever it needs them: so do we, with its defaults.
        say(file, "fastleader.minNotificationInterval", property("fastleader.minNotificationInterval", 200));
        say(file, "fastleader.maxNotificationInterval", property("fastleader.maxNotificationInterval", 60000));
        say(file, "electionPortBindRetry", property("electionPortBindRetry", 3));
        say(file, "quorumCnxnTimeoutMs", property("quorumCnxnTimeoutMs", -1));
        say(file, "tcpKeepAlive", Boolean.getBoolean("zookeeper.tcpKeepAlive"));
    }

    private static int property(String key, int missing) {
        return Integer.getInteger("zookeeper." + key, missing);
    }

    private static void say(String file, String word, Object value) {
        StringBuilder text = new StringBuilder();
        for (char c : String.valueOf(value).toCharArray()) {
            boolean plain = c >= ' ' && c <= '~' && c != '\\';
            text.append(plain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
        }
        OUT.println(file + "\t" + word + "\t" + text);
    }
}
