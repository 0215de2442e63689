package isthmus.test.eureka;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/**
 * A Eureka server. With the property {@code isthmus.basic-auth=true} every request needs the user
 * and password of {@code spring.security.user.*}; without it none does.
 */
@SpringBootApplication
@EnableEurekaServer
public class EurekaServer {
  @Bean
  SecurityFilterChain access(
      HttpSecurity http,
      @Value("${isthmus.basic-auth:false}")
          boolean basicAuth)
      throws Exception {
    http.csrf(csrf -> csrf.disable());
    if (basicAuth) {
      http.authorizeHttpRequests(requests -> requests.anyRequest().authenticated());
      http.httpBasic(Customizer.withDefaults());
    } else {
      http.authorizeHttpRequests(requests -> requests.anyRequest().permitAll());
    }
    return http.build();
  }

  public static void main(String[] args) {
    SpringApplication.run(EurekaServer.class, args);
    System.out.println("READY eureka");
  }
}
