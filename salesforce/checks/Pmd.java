import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import net.sourceforge.pmd.PMDConfiguration;
import net.sourceforge.pmd.PmdAnalysis;
import net.sourceforge.pmd.lang.LanguageRegistry;
import net.sourceforge.pmd.reporting.Report;

/**
 * Runs PMD's Apex and Visualforce rules: `java -cp "<jars>" Pmd.java <rules.xml> <folder>`. One line a finding:
 * `path:line: rule: words`. A file or rule that PMD cannot work with is a finding too. PMD's jars come without its
 * command line, so this stands in for it.
 */
public class Pmd {

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[1]).toAbsolutePath();
        PMDConfiguration configuration = new PMDConfiguration(LanguageRegistry.PMD);
        configuration.addRuleSet(arguments[0]);
        configuration.addInputPath(folder);
        configuration.setIgnoreIncrementalAnalysis(true);
        configuration.setThreads(1);
        int findings;
        try (PmdAnalysis analysis = PmdAnalysis.create(configuration)) {
            findings = tell(analysis.performAnalysisAndCollectReport(), folder);
            findings += analysis.getReporter().numErrors();
        }
        long files;
        try (var found = Files.walk(folder)) {
            files = found.filter(path -> path.toString().matches(".*\\.(cls|page)")).count();
        }
        System.out.println("PMD looked at " + files + " files and found " + findings + " things");
        System.exit(findings == 0 && files > 0 ? 0 : 1);
    }

    private static int tell(Report report, Path folder) {
        report.getViolations().forEach(found -> System.out.println(
            folder.relativize(Path.of(found.getFileId().getAbsolutePath())) + ":" + found.getBeginLine() + ": "
                + found.getRule().getName() + ": " + found.getDescription().replace('\n', ' ')));
        report.getProcessingErrors().forEach(found -> System.out.println(
            found.getFileId().getAbsolutePath() + ": PMD could not read it: " + found.getMsg()));
        report.getConfigurationErrors().forEach(found -> System.out.println(
            found.rule().getName() + ": PMD could not use this rule: " + found.issue()));
        return report.getViolations().size() + report.getProcessingErrors().size()
            + report.getConfigurationErrors().size();
    }
}
