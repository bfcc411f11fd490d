from jaxvid.runtime import read_ahead


def test_tasks_take_turns_whatever_the_threads_do():
    taken = list(read_ahead.in_turn(range, [3, 1, 2, 2], threads=2, ahead=1))
    assert taken == [(3, 0), (1, 0), (3, 1), (2, 0), (3, 2), (2, 1), (2, 0), (2, 1)]
    assert list(read_ahead.in_turn(range, [], threads=2, ahead=1)) == []


def test_a_task_runs_no_further_ahead_than_it_may():
    made = []

    def produce(task):
        for i in range(1000):
            made.append(i)
            yield i

    results = read_ahead.in_turn(produce, ["a"], threads=1, ahead=3)
    for taken in range(1, 20):
        next(results)
        assert len(made) <= taken + 3 + 1  # one more is in its hand
    results.close()
    assert len(made) < 30
