package isthmus.test.nacos2;

import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.sys.filter.NacosTypeExcludeFilter;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.AutoConfigurationExcludeFilter;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.TypeExcludeFilter;
import org.springframework.boot.web.servlet.ServletComponentScan;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.FilterType;
import org.springframework.scheduling.annotation.EnableScheduling;

/** A Nacos 2 server put together from its modules, without the console and its web interface. */
@SpringBootApplication
@EnableScheduling
@ServletComponentScan("com.alibaba.nacos")
@ComponentScan(
    basePackages = "com.alibaba.nacos",
    excludeFilters = {
      @ComponentScan.Filter(
          type = FilterType.CUSTOM,
          classes = {
            NacosTypeExcludeFilter.class,
            TypeExcludeFilter.class,
            AutoConfigurationExcludeFilter.class
          })
    })
public class Nacos2Server {
  private static final List<String> CONTROLLERS =
      List.of(
          "com.alibaba.nacos.core.controllers",
          "com.alibaba.nacos.naming.controllers",
          "com.alibaba.nacos.config.server.controller");

  /**
   * Makes the HTTP API known to the server's own dispatcher. The console does this in a full
   * server; without it every v1 and v2 URL answers 501.
   */
  @Bean
  Object httpApi(ControllerMethodsCache methods) {
    CONTROLLERS.forEach(methods::initClassMethod);
    return new Object();
  }

  public static void main(String[] args) {
    SpringApplication.run(Nacos2Server.class, args);
    System.out.println("READY nacos2");
  }
}
