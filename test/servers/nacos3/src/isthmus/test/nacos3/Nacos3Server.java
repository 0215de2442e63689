package isthmus.test.nacos3;

import com.alibaba.nacos.NacosServerBasicApplication;
import com.alibaba.nacos.NacosServerWebApplication;
import com.alibaba.nacos.core.listener.startup.NacosStartUp;
import com.alibaba.nacos.core.listener.startup.NacosStartUpManager;
import com.alibaba.nacos.sys.env.DeploymentType;
import com.alibaba.nacos.sys.env.EnvUtil;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;

/**
 * A Nacos 3 server without the console: the core context first, then the web context as its child,
 * as the distribution's own bootstrap does for the deployment type "server".
 */
public final class Nacos3Server {
  private Nacos3Server() {}

  public static void main(String[] args) {
    EnvUtil.setDeploymentType(DeploymentType.SERVER);

    NacosStartUpManager.start(NacosStartUp.CORE_START_UP_PHASE);
    var core =
        new SpringApplicationBuilder(NacosServerBasicApplication.class)
            .web(WebApplicationType.NONE)
            .run(args);

    NacosStartUpManager.start(NacosStartUp.WEB_START_UP_PHASE);
    new SpringApplicationBuilder(NacosServerWebApplication.class).parent(core).run(args);

    System.out.println("READY nacos3");
  }
}
