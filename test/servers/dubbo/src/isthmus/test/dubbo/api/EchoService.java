package isthmus.test.dubbo.api;

/** Published without a group or version. */
public interface EchoService {
  String echo(String text);
}
