package isthmus.test.springcloud;

import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.client.serviceregistry.Registration;
import org.springframework.cloud.client.serviceregistry.ServiceRegistry;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/** A service that registers itself, and shows and does what a test asks. Which registry is configuration. */
@SpringBootApplication
@RestController
public class Application {
  private final DiscoveryClient discovery;
  private final ServiceRegistry<Registration> registry;
  private final Registration registration;

  Application(
      DiscoveryClient discovery,
      ServiceRegistry<?> registry,
      Registration registration) {
    this.discovery = discovery;
    this.registry = ownRegistry(registry);
    this.registration = registration;
  }

  /** {@code host:port} of each instance of a service that this application would call. */
  @GetMapping("/instances/{service}")
  List<String> instances(@PathVariable("service") String service) {
    return discovery.getInstances(service).stream().map(Application::hostAndPort).toList();
  }

  /** What an instance of another service answers, found by the service's name and called. */
  @GetMapping("/call/{service}/instances/{asked}")
  String call(@PathVariable("service") String service, @PathVariable("asked") String asked) {
    ServiceInstance instance = discovery.getInstances(service).get(0);
    return RestClient.create().get().uri(instance.getUri() + "/instances/" + asked).retrieve().body(String.class);
  }

  /** Sets the application's own status in the registry, such as UP, DOWN or OUT_OF_SERVICE. */
  @PostMapping("/status/{status}")
  void setStatus(@PathVariable("status") String status) {
    registry.setStatus(registration, status);
  }

  /** Each kind of registry takes its own kind of registration, and the two beans here belong together. */
  @SuppressWarnings("unchecked")
  private static ServiceRegistry<Registration> ownRegistry(ServiceRegistry<?> registry) {
    return (ServiceRegistry<Registration>) registry;
  }

  private static String hostAndPort(ServiceInstance instance) {
    return instance.getHost() + ":" + instance.getPort();
  }

  public static void main(String[] args) {
    SpringApplication.run(Application.class, args);
    System.out.println("READY spring-cloud");
  }
}
