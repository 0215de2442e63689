package isthmus.test.dubbo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import isthmus.test.dubbo.api.GreetingService;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Calls {@link GreetingService} whenever it is asked to: {@code GET /greet?NAME} answers 200 with
 * what the provider said, or 502 with why the call failed.
 *
 * <p>Settings: {@code registry} (URL), {@code application}, {@code port} (of its HTTP server), and
 * optionally {@code group}, {@code version}, {@code protocol} and {@code provided-by}.
 */
public final class Consumer {
  private static final int CALL_TIMEOUT_MS = 3000;

  private Consumer() {}

  public static void main(String[] args) throws Exception {
    Settings settings = new Settings(args);
    ReferenceConfig<GreetingService> reference = new ReferenceConfig<>();
    reference.setInterface(GreetingService.class);
    reference.setGroup(settings.find("group"));
    reference.setVersion(settings.find("version"));
    reference.setProtocol(settings.find("protocol"));
    reference.setProvidedBy(settings.find("provided-by"));
    reference.setTimeout(CALL_TIMEOUT_MS);
    reference.setRetries(0);
    // Providers may come later.
    reference.setCheck(false);
    DubboBootstrap.getInstance()
        .application(settings.application())
        .registry(settings.registry())
        .reference(reference)
        .start();
    serve(reference.get(), Integer.parseInt(settings.get("port")));
    System.out.println("READY consumer " + settings.get("application"));
  }

  private static void serve(GreetingService greeting, int port) throws IOException {
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    HttpServer server = HttpServer.create(address, 0);
    server.createContext("/greet", exchange -> answer(exchange, greeting));
    server.start();
  }

  private static void answer(HttpExchange exchange, GreetingService greeting) throws IOException {
    int status = 200;
    String text;
    try {
      text = greeting.greet(exchange.getRequestURI().getQuery());
    } catch (RuntimeException failure) {
      status = 502;
      text = String.valueOf(failure);
    }
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
