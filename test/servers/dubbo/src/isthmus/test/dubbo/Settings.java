package isthmus.test.dubbo;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.RegistryConfig;

/**
 * Command line of the form {@code key=value ...}. What the Dubbo versions name differently comes as
 * {@code dubbo.*} system properties instead, so that one source fits all of them.
 */
final class Settings {
  private final Map<String, String> values;

  Settings(String[] args) {
    values =
        Arrays.stream(args)
            .map(arg -> arg.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
  }

  String get(String key) {
    String value = values.get(key);
    if (value == null) throw new IllegalArgumentException("missing " + key + "=...");
    return value;
  }

  /** The value, or null when it is absent or empty. */
  String find(String key) {
    String value = values.get(key);
    return value == null || value.isEmpty() ? null : value;
  }

  /** Those whose key starts with the prefix, without it. */
  Map<String, String> withPrefix(String prefix) {
    return values.entrySet().stream()
        .filter(entry -> entry.getKey().startsWith(prefix))
        .collect(
            Collectors.toMap(entry -> entry.getKey().substring(prefix.length()), Map.Entry::getValue));
  }

  ApplicationConfig application() {
    ApplicationConfig application = new ApplicationConfig(get("application"));
    application.setQosEnable(false);
    return application;
  }

  RegistryConfig registry() {
    return new RegistryConfig(get("registry"));
  }
}
