"""launch and `ros2 launch`: what processes are started with, how they end, what is said of what is wrong."""

import json
import os
import signal
import sys

import pytest
import yaml
from ros2_process import Running, ros2

HEAD = """
import sys
from launch import LaunchDescription
from launch.actions import *
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown as ShutdownEvent
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import *
from launch_ros.actions import LifecycleNode, Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHOW = "import json, os, sys; print('ARGS', json.dumps(sys.argv[1:]), os.environ.get('COLOUR'), flush=True)"
SLEEP = SHOW + "; import time; time.sleep(600)"

def python(code, *arguments, **options):
    return ExecuteProcess(cmd=[sys.executable, "-c", code, *arguments], output="screen", **options)

def generate_launch_description():
    return LaunchDescription([
"""


@pytest.fixture(autouse=True)
def _log_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))


@pytest.fixture
def launch_file(tmp_path):
    def write(actions, name="some.launch.py"):
        path = tmp_path / name
        path.write_text(f"{HEAD}{actions}\n    ])\n")
        return path

    return write


def shown(text):
    """The arguments that the processes running SHOW got, in the order of their lines."""
    return [json.loads(line.split("ARGS ")[1].rpartition(" ")[0]) for line in text.splitlines() if "ARGS [" in line]


def test_a_node_gets_the_arguments_that_ros2_passes(launch_file, tmp_path):
    extra = tmp_path / "extra.yaml"
    extra.write_text("/**: {ros__parameters: {scale: 4}}")
    keep = tmp_path / "keep.py"  # the parameter files go with the launch
    keep.write_text(
        "#!" + sys.executable + "\nimport json, sys\n"
        "files = [open(f).read() for o, f in zip(sys.argv, sys.argv[1:]) if o == '--params-file']\n"
        "print('ARGS', json.dumps(sys.argv[1:]), '-'); print('FILES', json.dumps(files))\n"
    )
    keep.chmod(0o755)
    path = launch_file(f"""
        DeclareLaunchArgument("scale", default_value="8"), DeclareLaunchArgument("flag", default_value="true"),
        Node(executable={str(keep)!r}, name="demo", namespace="robot1", output="screen", arguments=["first"],
             ros_arguments=["--log-level", "debug"], remappings=[("image_raw", "color/image_raw"), ("a", ["b", "c"])],
             parameters=[{{"scale": LaunchConfiguration("scale"), "on": LaunchConfiguration("flag"), "text": "16",
                          "forced": ParameterValue(LaunchConfiguration("scale"), value_type=str), "group": {{"x": 0.5}},
                          "numbers": [1, 2.5], "names": ["a", "b"], "joined": ["x", LaunchConfiguration("scale")]}},
                         {str(extra)!r}])""")
    done = ros2("launch", path, "scale:=2")
    text = done.stdout
    assert done.returncode == 0, done
    (arguments,) = shown(text)
    assert arguments[:7] == ["first", "--ros-args", "--log-level", "debug", "-r", "__node:=demo", "-r"]
    assert arguments[7:9] == ["__ns:=/robot1", "--params-file"]
    assert arguments[10:] == ["--params-file", str(extra), "-r", "image_raw:=color/image_raw", "-r", "a:=bc"]
    written = yaml.safe_load(json.loads(text.split("FILES ")[1].splitlines()[0])[0])
    assert written == {
        "/robot1/demo": {
            "ros__parameters": {
                "scale": 2,
                "on": True,
                "text": "16",
                "forced": "2",
                "group.x": 0.5,
                "numbers": [1.0, 2.5],
                "names": ["a", "b"],
                "joined": "x2",
            }
        }
    }
    assert not os.path.exists(arguments[9])


def test_namespaces_are_pushed_onto_the_nodes_of_a_group(launch_file):
    path = launch_file("""
        GroupAction([PushRosNamespace("robot1"), show(), show(namespace="arm"), show(namespace="/other"),
                     GroupAction([PushRosNamespace("camera"), show()]), IncludeLaunchDescription(LATER)]),
        show(), LifecycleNode(executable=sys.executable, arguments=["-c", SHOW], output="screen", name="n", namespace="")""")
    path.write_text(
        path.read_text().replace(
            "def generate",
            "def show(**options):\n"
            '    return Node(executable=sys.executable, arguments=["-c", SHOW], output="screen", **options)\n\n'
            f"LATER = {str(path.parent / 'later.launch.py')!r}\n\ndef generate",
        )
    )
    launch_file(
        'Node(executable=sys.executable, arguments=["-c", SHOW], output="screen", namespace="included")', "later.launch.py"
    )
    done = ros2("launch", path)
    assert done.returncode == 0, done.stdout
    given = sorted("".join(argument for argument in arguments if "__ns" in argument) for arguments in shown(done.stdout))
    names = ("/other", "/robot1", "/robot1/arm", "/robot1/camera", "/robot1/included")
    assert given == ["", "", *(f"__ns:={name}" for name in names)]


def test_a_plain_node_gets_nothing_but_ros_args(launch_file):
    assert shown(
        ros2("launch", launch_file('Node(executable=sys.executable, arguments=["-c", SHOW], output="screen")')).stdout
    ) == [["--ros-args"]]


def test_substitutions_conditions_and_scopes(launch_file, tmp_path):
    launch_file(
        """
        DeclareLaunchArgument("word"), python(SHOW, ["included ", LaunchConfiguration("word")]),
        SetLaunchConfiguration("leaked", "yes"), """,
        "inner.launch.py",
    )
    path = launch_file(f"""
        DeclareLaunchArgument("n", default_value="3"),
        python(SHOW, PythonExpression(["2 * ", LaunchConfiguration("n"), " + floor(1.5)"]),
               PathJoinSubstitution([{str(tmp_path)!r}, "a", ["b", LaunchConfiguration("n")]]),
               EnvironmentVariable("NOT_SET_ANYWHERE", default_value="default"), TextSubstitution(text="text")),
        python(SHOW, "no", condition=IfCondition("false")), python(SHOW, "yes", condition=UnlessCondition("0")),
        GroupAction([SetEnvironmentVariable("COLOUR", "red"), python(SHOW, "inside"),
                     IncludeLaunchDescription(PythonLaunchDescriptionSource({str(tmp_path / "inner.launch.py")!r}),
                                              launch_arguments={{"word": "w"}}.items())]),
        python(SHOW, "outside", LaunchConfiguration("leaked", default="no")),
        OpaqueFunction(function=lambda context, name: [python(SHOW, LaunchConfiguration(name).perform(context))],
                       args=["n"]),""")
    done = ros2("launch", path)
    assert done.returncode == 0, done.stdout
    assert sorted(shown(done.stdout)) == sorted(
        [
            ["7", f"{tmp_path}/a/b3", "default", "text"],
            ["yes"],
            ["inside"],
            ["included w"],
            ["outside", "no"],
            ["3"],
        ]
    )
    colours = {word: line.split()[-1] for line in done.stdout.splitlines() for word in ("inside", "outside") if word in line}
    assert colours == {"inside": "red", "outside": "None"}  # the processes may print in any order


def test_ctrl_c_reaches_every_process_and_is_a_good_end(launch_file):
    code = "SHOW + '; import time\\ntry: time.sleep(600)\\nexcept KeyboardInterrupt: print(\"clean\")'"
    with Running("launch", launch_file(f"python({code}, 'a'), python({code}, 'b')")) as launch:
        launch.wait_for('ARGS ["a"]')
        launch.wait_for('ARGS ["b"]')
        assert launch.end(signal.SIGINT) == 0
        assert launch.text.count("clean") == 4  # each says so, and launch says that it has finished cleanly
        assert "user interrupted with ctrl-c (SIGINT)" in launch.text


def test_sigterm_ends_as_ctrl_c_does(launch_file):
    with Running("launch", launch_file("python(SLEEP)")) as launch:
        launch.wait_for("ARGS")
        assert launch.end(signal.SIGTERM) == 0
        assert "exit code -2" in launch.text


def test_a_process_that_will_not_end_is_made_to(launch_file):
    deaf = "'import signal; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN); ' + SLEEP"
    with Running("launch", launch_file(f"python({deaf}, sigterm_timeout=0.3, sigkill_timeout='0.3')")) as launch:
        launch.wait_for("ARGS")
        assert launch.end() == 0
        assert "escalating to 'SIGTERM'" in launch.text
        assert "escalating to 'SIGKILL'" in launch.text
        assert "exit code -9" in launch.text


def test_a_required_process_that_fails_ends_the_launch_with_an_error(launch_file):
    done = ros2("launch", launch_file("python(SLEEP), python('import sys; sys.exit(\"no weights\")', on_exit=Shutdown())"))
    assert done.returncode == 1
    assert "no weights" in done.stdout
    assert "process has died" in done.stdout


def test_events(launch_file):
    done = ros2(
        "launch",
        launch_file("""
        watched := python(SHOW, "first", name="watched"), python(SLEEP),
        RegisterEventHandler(OnProcessExit(on_exit=lambda event, context: LogInfo(msg="gone " + event.process_name))),
        RegisterEventHandler(OnProcessExit(target_action=watched, on_exit=[python(SHOW, "second", on_exit=EmitEvent(
            event=ShutdownEvent(reason="done")))])),"""),
    )
    assert done.returncode == 0, done.stdout
    assert ["second"] in shown(done.stdout)
    assert "gone watched-1" in done.stdout
    assert "gone python-2" in done.stdout


def test_timer_and_shutdown(launch_file):
    done = ros2(
        "launch",
        launch_file("""
        TimerAction(period=600.0, actions=[LogInfo(msg="never")]), python(SLEEP),
        TimerAction(period="0.5", actions=[python(SHOW, "later", on_exit=Shutdown(reason="over"))]),"""),
    )
    assert done.returncode == 0, done.stdout
    assert ["later"] in shown(done.stdout)


def test_output_log_keeps_stdout_off_the_screen_but_in_the_log(launch_file, tmp_path):
    code = "import sys; print('to stdout'); print('to stderr', file=sys.stderr)"
    done = ros2("launch", launch_file(f"ExecuteProcess(cmd=[sys.executable, '-c', {code!r}])"))
    assert "to stderr" in done.stdout
    assert "] to stdout" not in done.stdout
    assert "] to stdout" in next((tmp_path / "log").glob("*/launch.log")).read_text()


def test_show_args_lists_those_of_groups_and_includes_too(launch_file, tmp_path):
    launch_file('DeclareLaunchArgument("inner"), DeclareLaunchArgument("given"), Unknown', "broken.launch.py")
    launch_file('DeclareLaunchArgument("inner"), DeclareLaunchArgument("given"),', "inner.launch.py")
    done = ros2(
        "launch",
        launch_file(f"""
        DeclareLaunchArgument("method", default_value="fdkn", description="How.", choices=["fdkn", "ahmf"]),
        GroupAction([DeclareLaunchArgument("grouped", default_value=["a", LaunchConfiguration("method")])]),
        IncludeLaunchDescription({str(tmp_path / "inner.launch.py")!r}, launch_arguments=[("given", "x")]),"""),
        "--show-args",
    )
    assert done.returncode == 0, done.stderr
    assert "'method':\n        How. Valid choices are: ['fdkn', 'ahmf']\n        (default: 'fdkn')" in done.stdout
    assert "(default: 'a' + LaunchConfiguration('method'))" in done.stdout
    assert "'inner':" in done.stdout
    assert "'given':" not in done.stdout


def test_an_unknown_argument_is_named_beside_the_known_ones(launch_file):
    done = ros2("launch", launch_file('DeclareLaunchArgument("method", default_value="x"),'), "mehtod:=fdkn")
    assert done.returncode == 0
    assert "'mehtod' is not declared" in done.stdout
    assert "method" in done.stdout


@pytest.mark.parametrize(
    "actions, arguments, says",
    [
        (
            'DeclareLaunchArgument("method", default_value="x", choices=["a", "b"])',
            ["method:=c"],
            "Valid options are: ['a', 'b']",
        ),
        ('DeclareLaunchArgument("method", description="How.")', [], "required launch argument 'method'"),
        ('LogInfo(msg=LaunchConfiguration("nowhere"))', [], "'nowhere' does not exist"),
        ('LogInfo(msg=PythonExpression("1 +"))', [], "1 +"),
        ('LogInfo(msg="x", condition=IfCondition("maybe"))', [], "maybe"),
        ('ExecuteProcess(cmd=["/not/there"])', [], "/not/there"),
        ('Node(package="no_such_package", executable="x")', [], "package 'no_such_package' not found"),
        ('IncludeLaunchDescription("/not/there.launch.py")', [], "/not/there.launch.py"),
        ('python(SHOW, output="scren")', [], "multiple values"),
        ('ExecuteProcess(cmd=["true"], output="scren")', [], "scren"),
        ("undefined", [], "undefined"),
        ("", ["method=c"], "malformed launch argument 'method=c'"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(launch_file, actions, arguments, says):
    done = ros2("launch", launch_file(actions), *arguments)
    assert done.returncode == 1
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_error_stops_what_runs_already(launch_file):
    done = ros2("launch", launch_file('python(SLEEP), LogInfo(msg=LaunchConfiguration("nowhere"))'))
    assert done.returncode == 1
    assert "process has died" in done.stdout


def test_a_folder_called_launch_does_not_hide_the_package(launch_file, tmp_path):
    (tmp_path / "launch").mkdir()
    done = ros2("launch", launch_file('LogInfo(msg="here")'), cwd=tmp_path)
    assert "[launch.user]: here" in done.stdout, done.stderr


@pytest.fixture
def package(tmp_path, monkeypatch, launch_file):
    """A package `shop` in a prefix of its own, as colcon would install it."""
    prefix = tmp_path / "prefix"
    for folder in ("share/ament_index/resource_index/packages", "share/shop/launch", "share/shop/config", "lib/shop"):
        (prefix / folder).mkdir(parents=True)
    (prefix / "share/ament_index/resource_index/packages/shop").touch()
    (prefix / "share/shop/config/a.yaml").write_text("/**: {ros__parameters: {a: 1}}")
    seller = prefix / "lib/shop/seller"
    seller.write_text(f"#!{sys.executable}\nimport json, sys\nprint('ARGS', json.dumps(sys.argv[1:]), '-')\n")
    seller.chmod(0o755)
    launch_file("""Node(package="shop", executable="seller", output="screen",
        parameters=[PathJoinSubstitution([FindPackageShare("shop"), "config", "a.yaml"])])""").rename(
        prefix / "share/shop/launch/shop.launch.py"
    )
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'nowhere'}:{prefix}")
    return prefix


def test_packages_are_found(package):
    done = ros2("launch", "shop", "shop.launch.py")
    assert shown(done.stdout) == [["--ros-args", "--params-file", f"{package}/share/shop/config/a.yaml"]], done.stdout
    assert "[seller-1]" in done.stdout
    assert shown(ros2("run", "shop", "seller", "x", "--ros-args", "-p", "a:=1").stdout) == [["x", "--ros-args", "-p", "a:=1"]]


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["launch", "shop", "no.launch.py"], "shop.launch.py"),
        (["launch", "shop"], "name of one of its launch files"),
        (["launch", "nothing", "x.launch.py"], "Package 'nothing' not found"),
        (["run", "nothing", "x"], "Package 'nothing' not found"),
        (["run", "shop", "buyer"], "seller"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(package, arguments, says):
    done = ros2(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
