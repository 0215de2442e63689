package isthmus.test.dubbo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import isthmus.test.dubbo.api.GreetingService;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcContext;

/**
 * Calls {@link GreetingService} whenever it is asked to: {@code GET /greet?NAME} answers 200 with
 * what the provider said, or 502 with why the call failed. {@code GET /count?CALLS} and {@code GET
 * /count?CALLS&TAG} call so many times, with that tag on each call, and answer a line for each
 * different thing that was said: how often, a space, and what, {@code failed} for calls that failed.
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
    server.createContext("/count", exchange -> count(exchange, greeting));
    server.start();
  }

  private static void count(HttpExchange exchange, GreetingService greeting) throws IOException {
    String[] callsAndTag = exchange.getRequestURI().getQuery().split("&");
    Map<String, Integer> counts = new TreeMap<>();
    for (int call = Integer.parseInt(callsAndTag[0]); call > 0; call--) {
      // Dubbo takes attachments away after each call.
      if (callsAndTag.length > 1) RpcContext.getContext().setAttachment("dubbo.tag", callsAndTag[1]);
      String said;
      try {
        said = greeting.greet("count");
      } catch (RuntimeException failure) {
        said = "failed";
      }
      counts.merge(said, 1, Integer::sum);
    }
    send(
        exchange,
        200,
        counts.entrySet().stream()
            .map(entry -> entry.getValue() + " " + entry.getKey())
            .collect(Collectors.joining("\n")));
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
    send(exchange, status, text);
  }

  private static void send(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
