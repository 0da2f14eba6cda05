import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import software.amazon.event.ruler.JsonRuleCompiler;
import software.amazon.event.ruler.Machine;

/** Reads lines of ["pattern", "event"] and answers each with a line: "match", "no match", or "refused" and the reason. */
public class AskRuler {
    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        String line;
        while ((line = lines.readLine()) != null) {
            JsonNode pair = json.readTree(line);
            out.println(answer(pair.get(0).asText(), pair.get(1).asText()).replaceAll("\\R", " "));
        }
        out.flush();
    }

    private static String answer(String pattern, String event) {
        try {
            String refusal = JsonRuleCompiler.check(pattern);
            if (refusal != null) return "refused: " + refusal;
            Machine machine = Machine.builder().build();
            machine.addRule("asked", pattern);
            return machine.rulesForJSONEvent(event).isEmpty() ? "no match" : "match";
        } catch (Throwable thrown) {
            return "refused: " + thrown;
        }
    }
}
