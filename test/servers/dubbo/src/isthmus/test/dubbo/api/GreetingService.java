package isthmus.test.dubbo.api;

/** Published with a group and a version. */
public interface GreetingService {
  String greet(String name);

  int add(int left, int right);
}
