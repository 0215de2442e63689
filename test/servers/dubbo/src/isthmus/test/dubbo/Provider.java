package isthmus.test.dubbo;

import isthmus.test.dubbo.api.EchoService;
import isthmus.test.dubbo.api.GreetingService;
import java.util.ArrayList;
import java.util.List;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Publishes {@link GreetingService} and {@link EchoService} until it is stopped.
 *
 * <p>Settings: {@code registry} (URL), {@code application}, {@code protocols} (name:port,...), and
 * optionally {@code name} (what it calls itself in answers; its application when absent), {@code
 * group}, {@code version} and {@code weight} of the greeting service, and its other URL parameters
 * as {@code parameter.NAME}.
 */
public final class Provider {
  private Provider() {}

  public static void main(String[] args) throws Exception {
    Settings settings = new Settings(args);
    String application = settings.get("application");
    String name = settings.find("name") == null ? application : settings.find("name");
    DubboBootstrap.getInstance()
        .application(settings.application())
        .registry(settings.registry())
        .protocols(protocols(settings))
        .service(greeting(settings, name))
        .service(echo(name))
        .start();
    System.out.println("READY provider " + application);
    Thread.currentThread().join();
  }

  private static List<ProtocolConfig> protocols(Settings settings) {
    List<ProtocolConfig> protocols = new ArrayList<>();
    for (String item : settings.get("protocols").split(",")) {
      String[] nameAndPort = item.split(":");
      ProtocolConfig protocol =
          new ProtocolConfig(nameAndPort[0], Integer.parseInt(nameAndPort[1]));
      protocol.setId(nameAndPort[0]);
      protocols.add(protocol);
    }
    return protocols;
  }

  private static ServiceConfig<GreetingService> greeting(Settings settings, String called) {
    ServiceConfig<GreetingService> service = new ServiceConfig<>();
    // Dubbo 2.7 drops a second service without an id.
    service.setId("greeting");
    service.setInterface(GreetingService.class);
    service.setGroup(settings.find("group"));
    service.setVersion(settings.find("version"));
    if (settings.find("weight") != null) {
      service.setWeight(Integer.parseInt(settings.find("weight")));
    }
    service.setParameters(settings.withPrefix("parameter."));
    service.setRef(
        new GreetingService() {
          @Override
          public String greet(String name) {
            return "hello " + name + " from " + called;
          }

          @Override
          public int add(int left, int right) {
            return left + right;
          }
        });
    return service;
  }

  private static ServiceConfig<EchoService> echo(String called) {
    ServiceConfig<EchoService> service = new ServiceConfig<>();
    service.setId("echo");
    service.setInterface(EchoService.class);
    service.setRef(text -> text + " from " + called);
    return service;
  }
}
